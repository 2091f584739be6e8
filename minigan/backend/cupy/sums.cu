// Sums over the columns of a matrix on the GPU: Σ x, Σ x·(y − center), mean and variance. And rows
// added to those of a table.
//
// A matrix of many rows and few columns (the pixels of a batch, and its channels) is cut into
// pieces of rows, and each block of threads sums up one piece for a few columns: the threads along
// x take a column each, those along y every so many rows of it, and in the end the ones that share
// a column put their results together. A second launch then does the same to the pieces' sums.
// No atomic additions: the order of a sum, and so its rounding, is the same every time.
//
// arrays.py launches these, with THREADS threads in a block.

#define THREADS 256

// Put together what the threads of one column have; the ones with threadIdx.y == 0 get the result.
// `merge(a, b)` adds b to a.
template <class Value, class Merge>
__device__ Value over_rows(Value value, Merge merge) {
    __shared__ Value shared[THREADS];
    const int place = threadIdx.y * blockDim.x + threadIdx.x;
    shared[place] = value;
    __syncthreads();
    for (int half = blockDim.y / 2; half > 0; half /= 2) {  // blockDim.y is a power of two
        if (threadIdx.y < half) merge(shared[place], shared[place + half * blockDim.x]);
        __syncthreads();
    }
    return shared[place];
}

// out[piece, c] = Σ over the rows of that piece of term(row, c)
template <class Number, class Term>
__device__ void sums(Number* out, long long rows, int columns, long long rows_per_piece,
                     Term term) {
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    const long long start = blockIdx.y * rows_per_piece;
    const long long end = min(start + rows_per_piece, rows);
    Number total = 0;
    if (c < columns)
        for (long long row = start + threadIdx.y; row < end; row += blockDim.y)
            total += term(row * columns + c, c);
    total = over_rows(total, [](Number& a, Number b) { a += b; });
    if (threadIdx.y == 0 && c < columns) out[(long long)blockIdx.y * columns + c] = total;
}

extern "C" __global__ void sums_float32(const float* x, float* out, long long rows, int columns,
                                        long long rows_per_piece) {
    sums(out, rows, columns, rows_per_piece, [=](long long i, int) { return x[i]; });
}
extern "C" __global__ void sums_float64(const double* x, double* out, long long rows, int columns,
                                        long long rows_per_piece) {
    sums(out, rows, columns, rows_per_piece, [=](long long i, int) { return x[i]; });
}
extern "C" __global__ void products_float32(const float* x, const float* y, const float* center,
                                            float* out, long long rows, int columns,
                                            long long rows_per_piece) {
    sums(out, rows, columns, rows_per_piece,
         [=](long long i, int c) { return x[i] * (y[i] - center[c]); });
}
extern "C" __global__ void products_float64(const double* x, const double* y, const double* center,
                                            double* out, long long rows, int columns,
                                            long long rows_per_piece) {
    sums(out, rows, columns, rows_per_piece,
         [=](long long i, int c) { return x[i] * (y[i] - center[c]); });
}

// ---- rows by their numbers -----------------------------------------------------------------------

// table[index[i], c] += values[i, c] for all i, one after another: each thread has a place of the
// table, and looks through the index for those that mean it. A negative number counts from the end.
template <class Number>
__device__ void add_rows(Number* table, const long long* index, const Number* values,
                         long long count, long long rows, int columns) {
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    const long long row = (long long)blockIdx.y * blockDim.y + threadIdx.y;
    if (c >= columns || row >= rows) return;
    Number total = table[row * columns + c];
    for (long long i = 0; i < count; i++)
        if (index[i] == row || index[i] == row - rows) total += values[i * columns + c];
    table[row * columns + c] = total;
}

extern "C" __global__ void add_rows_float32(float* table, const long long* index,
                                            const float* values, long long count, long long rows,
                                            int columns) {
    add_rows(table, index, values, count, rows, columns);
}
extern "C" __global__ void add_rows_float64(double* table, const long long* index,
                                            const double* values, long long count, long long rows,
                                            int columns) {
    add_rows(table, index, values, count, rows, columns);
}

// ---- mean and variance ---------------------------------------------------------------------------

// Of some numbers: how many, their mean, and Σ (x − mean)². Two of these can be put together
// without looking at the numbers again (Chan, Golub and LeVeque 1983), and nothing is lost to
// rounding when the mean is large, as it is in Σ x² − (Σ x)²/n.
template <class Number>
struct Moments {
    Number count, mean, squares;
};

template <class Number>
__device__ void merge(Moments<Number>& a, const Moments<Number>& b) {
    if (b.count == 0) return;
    const Number count = a.count + b.count, share = b.count / count, apart = b.mean - a.mean;
    a.mean += apart * share;
    a.squares += b.squares + apart * apart * a.count * share;
    a.count = count;
}

// means[piece, c] and squares[piece, c] of the rows of each piece. Only one piece: then `squares`
// is divided by the number of rows, and is the variance.
template <class Number>
__device__ void moments(const Number* x, Number* means, Number* squares, long long rows,
                        int columns, long long rows_per_piece) {
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    const long long start = blockIdx.y * rows_per_piece;
    const long long end = min(start + rows_per_piece, rows);
    const long long first = start + threadIdx.y;
    Moments<Number> found = {0, 0, 0};
    if (c < columns && first < end) {
        // Counted from the thread's first number, which lies among them: no division for each, and
        // nothing lost to rounding when the mean is large.
        const Number origin = x[first * columns + c];
        Number sum = 0, squares = 0;
#pragma unroll 4
        for (long long row = first; row < end; row += blockDim.y) {
            const Number apart = x[row * columns + c] - origin;
            sum += apart;
            squares += apart * apart;
        }
        const Number count = (Number)((end - first + blockDim.y - 1) / blockDim.y);
        found = {count, origin + sum / count, squares - sum * (sum / count)};
    }
    found = over_rows(found, [](auto& a, const auto& b) { merge(a, b); });
    if (threadIdx.y == 0 && c < columns) {
        means[(long long)blockIdx.y * columns + c] = found.mean;
        squares[(long long)blockIdx.y * columns + c] =
            gridDim.y == 1 ? found.squares / (Number)rows : found.squares;
    }
}

// The second launch: the mean and the variance of everything, from those of the pieces.
template <class Number>
__device__ void merge_moments(const Number* means, const Number* squares, Number* mean,
                              Number* variance, long long rows, int columns,
                              long long rows_per_piece, int pieces) {
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    Moments<Number> found = {0, 0, 0};
    if (c < columns)
        for (int piece = threadIdx.y; piece < pieces; piece += blockDim.y) {
            const long long left = rows - piece * rows_per_piece, i = (long long)piece * columns + c;
            merge(found, Moments<Number>{(Number)min(left, rows_per_piece), means[i], squares[i]});
        }
    found = over_rows(found, [](auto& a, const auto& b) { merge(a, b); });
    if (threadIdx.y == 0 && c < columns) {
        mean[c] = found.mean;
        variance[c] = found.squares / (Number)rows;
    }
}

extern "C" __global__ void moments_float32(const float* x, float* means, float* squares,
                                           long long rows, int columns, long long rows_per_piece) {
    moments(x, means, squares, rows, columns, rows_per_piece);
}
extern "C" __global__ void moments_float64(const double* x, double* means, double* squares,
                                           long long rows, int columns, long long rows_per_piece) {
    moments(x, means, squares, rows, columns, rows_per_piece);
}
extern "C" __global__ void merge_moments_float32(const float* means, const float* squares,
                                                 float* mean, float* variance, long long rows,
                                                 int columns, long long rows_per_piece,
                                                 int pieces) {
    merge_moments(means, squares, mean, variance, rows, columns, rows_per_piece, pieces);
}
extern "C" __global__ void merge_moments_float64(const double* means, const double* squares,
                                                 double* mean, double* variance, long long rows,
                                                 int columns, long long rows_per_piece,
                                                 int pieces) {
    merge_moments(means, squares, mean, variance, rows, columns, rows_per_piece, pieces);
}
