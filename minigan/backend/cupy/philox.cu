// Random numbers on the GPU: the bits and the formulas of minigan/random.py, one block of words per
// thread.
//
// Read that file first: it says what every kernel here computes. The numbers must be NumPy's to the
// last bit, so this file is compiled with --fmad=false: a multiplication and an addition fused into
// one instruction round once, where NumPy rounds twice.
//
// All kernels share one form: (stream, out, count, what the formula needs). Each thread computes
// whole blocks, grid-stride, and the last group of threads moves the stream behind the blocks that
// were used. The position therefore never leaves the GPU, and a captured step that is replayed goes
// on with fresh numbers instead of repeating those it was captured with.

typedef unsigned long long uint64;

struct Stream {          // four 64-bit integers: the layout that CupyStream writes and reads
    uint64 key[2];       // the seed, its low half first
    uint64 offset;       // blocks used so far
    uint64 groups_done;  // thread groups of the running kernel that have read the offset
};

// ---- bits ---------------------------------------------------------------------------------------

// Philox4x64-10, Salmon et al. (2011), section 4.3: ten rounds, each of two multiplications whose
// 128-bit products mix four words; the key is raised by two constants between rounds.
__device__ void philox(const uint64 key[2], uint64 counter, uint64 words[4]) {
    uint64 key0 = key[0], key1 = key[1];
    words[0] = counter;
    words[1] = words[2] = words[3] = 0;
    for (int round = 0; round < 10; round++) {
        const uint64 low0 = 0xD2E7470EE14C6C93ull * words[0];
        const uint64 high0 = __umul64hi(0xD2E7470EE14C6C93ull, words[0]);
        const uint64 low2 = 0xCA5A826395121157ull * words[2];
        const uint64 high2 = __umul64hi(0xCA5A826395121157ull, words[2]);
        words[0] = high2 ^ words[1] ^ key0;
        words[1] = low2;
        words[2] = high0 ^ words[3] ^ key1;
        words[3] = low0;
        key0 += 0x9E3779B97F4A7C15ull;
        key1 += 0xBB67AE8584CAA73Bull;
    }
}

// Called by every thread when it has no more use for the offset. The fences order each group's
// reading of the offset before the last group's writing of it.
__device__ void advance(Stream* stream, uint64 blocks) {
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        if (atomicAdd(&stream->groups_done, 1ull) == gridDim.x - 1) {
            __threadfence();
            stream->groups_done = 0;
            stream->offset += blocks;
        }
    }
}

// out[0 ... count - 1] = formula(word) for the next words; formula writes PER_WORD numbers at once.
template <int PER_WORD, class Number, class Formula>
__device__ void fill(Stream* stream, Number* out, uint64 count, Formula formula) {
    const uint64 per_block = 4 * PER_WORD;
    const uint64 blocks = (count + per_block - 1) / per_block;
    const uint64 threads = (uint64)gridDim.x * blockDim.x;
    for (uint64 block = (uint64)blockIdx.x * blockDim.x + threadIdx.x; block < blocks;
         block += threads) {
        uint64 words[4];
        philox(stream->key, stream->offset + block + 1, words);
        Number numbers[4 * PER_WORD];
        for (int i = 0; i < 4; i++) formula(words[i], numbers + PER_WORD * i);
        for (int i = 0; i < 4 * PER_WORD; i++) {
            const uint64 position = block * per_block + i;
            if (position < count) out[position] = numbers[i];
        }
    }
    advance(stream, blocks);
}

__device__ unsigned low_half(uint64 word) { return (unsigned)word; }
__device__ unsigned high_half(uint64 word) { return (unsigned)(word >> 32); }

// ---- normals: box_muller, _log and _sin of ../numpy/random.py, operation by operation ----------

__device__ double log_of(double u) {
    const long long sqrt_half = 0x3FE6A09E667F3BCDll;  // the bits of sqrt(1/2)
    const long long bits = __double_as_longlong(u);
    const long long k = (bits - sqrt_half) >> 52;
    const double m = __longlong_as_double(bits - k * (1ll << 52));
    const double f = (m - 1.0) / (m + 1.0);
    const double s = f * f;
    double series = 1.0 / 11.0;
    series = series * s + 1.0 / 9.0;
    series = series * s + 1.0 / 7.0;
    series = series * s + 1.0 / 5.0;
    series = series * s + 1.0 / 3.0;
    series = series * s + 1.0;
    return (double)k * 0.6931471805599453 + 2.0 * f * series;  // k log 2 + ...
}

__device__ double sin_of(double x) {
    const double s = x * x;
    double series = -1.0 / 39916800.0;
    series = series * s + 1.0 / 362880.0;
    series = series * s - 1.0 / 5040.0;
    series = series * s + 1.0 / 120.0;
    series = series * s - 1.0 / 6.0;
    series = series * s + 1.0;
    return x * series;
}

template <class Number>
__device__ void normal_pair(uint64 word, Number* pair) {
    const double u = ((double)low_half(word) + 1.0) * 0x1p-32;
    const double radius = sqrt(-2.0 * log_of(u));
    const double quarter = (double)(int)high_half(word) * (0.7853981633974483 * 0x1p-31);  // pi/4
    const double sine = sin_of(quarter);
    const double square = sine * sine;
    const double cosine = sqrt(1.0 - square);
    const double sine2 = 2.0 * sine * cosine;
    const double cosine2 = 1.0 - 2.0 * square;
    pair[0] = (Number)(radius * (1.0 - 2.0 * sine2 * sine2));
    pair[1] = (Number)(radius * (2.0 * sine2 * cosine2));
}

extern "C" __global__ void normal_float32(Stream* stream, float* out, uint64 count) {
    fill<2>(stream, out, count, [](uint64 word, float* pair) { normal_pair(word, pair); });
}

extern "C" __global__ void normal_float64(Stream* stream, double* out, uint64 count) {
    fill<2>(stream, out, count, [](uint64 word, double* pair) { normal_pair(word, pair); });
}

// ---- the rest -----------------------------------------------------------------------------------

extern "C" __global__ void uniform_float32(Stream* stream, float* out, uint64 count) {
    fill<2>(stream, out, count, [](uint64 word, float* pair) {
        pair[0] = (float)(low_half(word) >> 8) * 0x1p-24f;
        pair[1] = (float)(high_half(word) >> 8) * 0x1p-24f;
    });
}

extern "C" __global__ void uniform_float64(Stream* stream, double* out, uint64 count) {
    fill<2>(stream, out, count, [](uint64 word, double* pair) {
        pair[0] = (double)low_half(word) * 0x1p-32;
        pair[1] = (double)high_half(word) * 0x1p-32;
    });
}

template <class Number>
__device__ void bernoulli(Stream* stream, Number* out, uint64 count, uint64 threshold,
                          Number value) {
    fill<2>(stream, out, count, [=](uint64 word, Number* pair) {
        pair[0] = (Number)(low_half(word) < threshold) * value;
        pair[1] = (Number)(high_half(word) < threshold) * value;
    });
}

extern "C" __global__ void bernoulli_float32(Stream* stream, float* out, uint64 count,
                                             uint64 threshold, float value) {
    bernoulli(stream, out, count, threshold, value);
}

extern "C" __global__ void bernoulli_float64(Stream* stream, double* out, uint64 count,
                                             uint64 threshold, double value) {
    bernoulli(stream, out, count, threshold, value);
}

extern "C" __global__ void integers(Stream* stream, long long* out, uint64 count, uint64 high) {
    fill<1>(stream, out, count,
            [=](uint64 word, long long* number) { *number = (long long)(word % high); });
}
