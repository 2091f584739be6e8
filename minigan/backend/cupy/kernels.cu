// Kernels for the GPU: image columns and their adjoint, one factor for each column, Adam.
//
// convolution.py and arrays.py call them and say what they compute. Here is how.
// Sums over columns are in sums.cu, random numbers in philox.cu.
//
// A block of threads is a rectangle. Along x its threads stand beside each other in memory, so that
// they read and write one run of it; along y they take one pixel, or one row, each.

#define ROW ((long long)blockIdx.x * blockDim.y + threadIdx.y)

// ---- image columns -------------------------------------------------------------------------------

// convolution.py fills this in. The channels of a pixel may be counted in fours.
struct Geometry {
    int height, width, channels;  // of the image
    int rows, across;             // places where the kernel stands
    int high, wide;               // the kernel
    int down, right;              // stride
    int top, left;                // padding
    int dy, dx;                   // dilation
};

// Where a thread stands in a batch of pictures of rows × across places.
struct Spot {
    long long number, image;  // of all places; of the images
    int y, x;
    bool beyond;  // behind the last one
};
__device__ Spot spot_of(long long count, int rows, int across) {
    const long long number = ROW;
    const int places = rows * across;
    // 64-bit divisions are several times dearer than those of 32 bits, which do for most batches.
    const long long image =
        count < (1ll << 31) ? (unsigned)number / (unsigned)places : number / places;
    const int place = number - image * places, y = place / across;
    return {number, image, y, place - y * across, number >= count};
}

__device__ void clear(float& a) { a = 0; }
__device__ void clear(double& a) { a = 0; }
__device__ void clear(float4& a) { a = make_float4(0, 0, 0, 0); }
__device__ void add(float& a, float b) { a += b; }
__device__ void add(double& a, double b) { a += b; }
__device__ void add(float4& a, float4 b) { a.x += b.x; a.y += b.y; a.z += b.z; a.w += b.w; }

// (n, H, W, C) -> (n·OH·OW, KH·KW·C): what the kernel sees at each place, zeros beside the image.
// Divisions are dear: a thread knows its place, and its part of a kernel's row, before it copies.
template <class Part>
__device__ void columns(const Part* x, Part* out, long long places, Geometry g) {
    const Spot spot = spot_of(places, g.rows, g.across);
    if (spot.beyond) return;
    const int run = g.wide * g.channels;  // a row of the kernel: one run of memory in a column
    x += spot.image * g.height * g.width * g.channels;
    out += spot.number * g.high * run;
    for (int r = threadIdx.x; r < run; r += blockDim.x) {
        const int b = r / g.channels, c = r - b * g.channels;
        const int column = spot.x * g.right + b * g.dx - g.left;
        for (int a = 0; a < g.high; a++) {
            const int y = spot.y * g.down + a * g.dy - g.top;
            Part value;
            clear(value);
            if (y >= 0 && y < g.height && column >= 0 && column < g.width)
                value = x[(y * g.width + column) * g.channels + c];
            out[a * run + r] = value;
        }
    }
}

// At which places along one direction the kernel may have seen a pixel at y, counted with the
// padding: from `first` down to `last`. (With dilation it saw only every so many of the pixels.)
struct Seen {
    int first, last;
};
__device__ Seen seen_by(int y, int size, int step, int dilation, int places) {
    const int before = y - (size - 1) * dilation;  // what the kernel's far end saw is the last
    return {min(y / step, places - 1), before <= 0 ? 0 : (before + step - 1) / step};
}

// (n·OH·OW, KH·KW·C) -> (n, H, W, C): its adjoint. Each pixel gathers what its columns hold, in a
// fixed order: no two threads write to one place, and the sum is the same every time.
template <class Part>
__device__ void from_columns(const Part* columns, Part* out, long long pixels, Geometry g) {
    const Spot spot = spot_of(pixels, g.height, g.width);
    if (spot.beyond) return;
    const int y = spot.y + g.top, x = spot.x + g.left, run = g.wide * g.channels;
    const Seen rows = seen_by(y, g.high, g.down, g.dy, g.rows);
    const Seen across = seen_by(x, g.wide, g.right, g.dx, g.across);
    columns += spot.image * g.rows * g.across * g.high * run;
    for (int c = threadIdx.x; c < g.channels; c += blockDim.x) {
        Part total;
        clear(total);
        for (int oy = rows.first; oy >= rows.last; oy--) {
            const int a = (y - oy * g.down) / g.dy;  // the kernel row through which it saw y
            if (a * g.dy != y - oy * g.down) continue;
            for (int ox = across.first; ox >= across.last; ox--) {
                const int b = (x - ox * g.right) / g.dx;
                if (b * g.dx != x - ox * g.right) continue;
                const int place = oy * g.across + ox;
                add(total, columns[(long long)(place * g.high + a) * run + b * g.channels + c]);
            }
        }
        out[spot.number * g.channels + c] = total;
    }
}

extern "C" __global__ void columns_float32(const float* x, float* out, long long places,
                                           Geometry g) {
    columns(x, out, places, g);
}
extern "C" __global__ void columns_float32x4(const float4* x, float4* out, long long places,
                                             Geometry g) {
    columns(x, out, places, g);
}
extern "C" __global__ void columns_float64(const double* x, double* out, long long places,
                                           Geometry g) {
    columns(x, out, places, g);
}
extern "C" __global__ void from_columns_float32(const float* x, float* out, long long pixels,
                                                Geometry g) {
    from_columns(x, out, pixels, g);
}
extern "C" __global__ void from_columns_float32x4(const float4* x, float4* out, long long pixels,
                                                  Geometry g) {
    from_columns(x, out, pixels, g);
}
extern "C" __global__ void from_columns_float64(const double* x, double* out, long long pixels,
                                                Geometry g) {
    from_columns(x, out, pixels, g);
}

// ---- one factor for each column ------------------------------------------------------------------

// (M, C): out = a x + d z + b, where a, d and b have C numbers; z may be missing.
template <class Number>
__device__ void affine(const Number* x, const Number* a, const Number* z, const Number* d,
                       const Number* b, Number* out, long long rows, int columns) {
    const long long row = ROW;
    if (row >= rows) return;
    for (int c = threadIdx.x; c < columns; c += blockDim.x) {
        const long long i = row * columns + c;
        out[i] = a[c] * x[i] + (z ? d[c] * z[i] : 0) + b[c];
    }
}

extern "C" __global__ void affine_float32(const float* x, const float* a, const float* z,
                                          const float* d, const float* b, float* out,
                                          long long rows, int columns) {
    affine(x, a, z, d, b, out, rows, columns);
}
extern "C" __global__ void affine_float64(const double* x, const double* a, const double* z,
                                          const double* d, const double* b, double* out,
                                          long long rows, int columns) {
    affine(x, a, z, d, b, out, rows, columns);
}

// ---- Adam ----------------------------------------------------------------------------------------

// Raise the count, and compute what all numbers of the update share: lr·√(1−β₂ᵗ)/(1−β₁ᵗ) and
// eps·√(1−β₂ᵗ). The count lives here, on the GPU: a recorded step that is replayed goes on counting.
extern "C" __global__ void adam_count(long long* count, double* shared, double lr, double beta1,
                                      double beta2, double eps) {
    const double t = (double)++count[0];
    const double root = sqrt(1 - pow(beta2, t));
    shared[0] = lr * root / (1 - pow(beta1, t));
    shared[1] = eps * root;
}

// Many parameters lie in many arrays, and so do their gradients. The addresses travel with the
// launch.
template <class Number>
struct Parts {
    Number* p[64];
    const Number* g[64];
    long long end[64];  // part i holds the numbers from end[i - 1] to end[i]
};

// mean_share is 1 − β₁ and square_share 1 − β₂, subtracted in double precision: in float, 1 − 0.999
// is wrong in the fifth digit.
template <class Number>
__device__ void adam(Number* mean, Number* square, const double* shared, Number mean_share,
                     Number keep_square, Number square_share, Number decay, long long start,
                     long long end, const Parts<Number>& parts) {
    const Number rate = (Number)shared[0], floor = (Number)shared[1];
    const long long threads = (long long)gridDim.x * blockDim.x;
    int part = 0;
    for (long long i = start + (long long)blockIdx.x * blockDim.x + threadIdx.x; i < end;
         i += threads) {
        while (i >= parts.end[part]) part++;  // i only grows, so this never goes back
        const long long place = i - (part ? parts.end[part - 1] : start);
        Number p = parts.p[part][place], m = mean[i], v = square[i];
        const Number g = parts.g[part][place] + decay * p;
        m += mean_share * (g - m);
        v = keep_square * v + square_share * (g * g);
        mean[i] = m;
        square[i] = v;
        parts.p[part][place] = p - rate * (m / (sqrt(v) + floor));
    }
}

extern "C" __global__ void adam_float32(float* mean, float* square, const double* shared,
                                        float mean_share, float keep_square, float square_share,
                                        float decay, long long start, long long end,
                                        Parts<float> parts) {
    adam(mean, square, shared, mean_share, keep_square, square_share, decay, start, end, parts);
}
extern "C" __global__ void adam_float64(double* mean, double* square, const double* shared,
                                        double mean_share, double keep_square,
                                        double square_share, double decay, long long start,
                                        long long end, Parts<double> parts) {
    adam(mean, square, shared, mean_share, keep_square, square_share, decay, start, end, parts);
}
