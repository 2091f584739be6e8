// CUDA C on a processor: what a kernel needs so that g++ can compile it, and the loop that runs it.
//
// A launch runs one thread block after another. The threads of a block take turns on one processor
// thread: each is a fiber with a stack of its own, which hands over where it has to wait for others
// (__syncthreads, __syncwarp, shuffles). A kernel that never waits needs no fibers: its threads are
// the turns of a plain loop. kernels.py puts this header in front of a kernel's source.
#pragma once
#include <setjmp.h>
#include <ucontext.h>

#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <tuple>

// ---- words of the language ----------------------------------------------------------------------

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __shared__ static    // blocks run one at a time, so that one copy serves them all
#define __constant__ static

using std::abs, std::isfinite, std::isinf, std::isnan, std::signbit;

// As in CUDA, the types may differ, and of a number and a NaN the number is taken.
template <class A, class B> std::common_type_t<A, B> max(A a, B b) {
    if constexpr (std::is_floating_point_v<std::common_type_t<A, B>>) return std::fmax(a, b);
    else return a < b ? b : a;
}
template <class A, class B> std::common_type_t<A, B> min(A a, B b) {
    if constexpr (std::is_floating_point_v<std::common_type_t<A, B>>) return std::fmin(a, b);
    else return b < a ? b : a;
}

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; };
struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct double2 { double x, y; };
struct int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

static const int warpSize = 32;
static dim3 gridDim, blockDim;
static uint3 blockIdx, threadIdx;

namespace cuda_on_cpu {

// ---- threads of a block -------------------------------------------------------------------------

struct Fiber {
    jmp_buf here;  // where it goes on
    uint3 thread;
    bool done;
    char* stack;
};

// A place where threads wait until as many as are alive have come. `round` tells two uses apart.
struct Barrier { unsigned alive, waiting, round; };

const size_t STACK_BYTES = 1 << 16;
static Fiber fibers[1024];  // one per thread of the block, kept from launch to launch
static size_t current;      // the fiber that runs
static jmp_buf scheduler;
static ucontext_t starter;
static size_t steps_forward;  // barriers that opened and threads that ended, so far
static Barrier block_barrier, warp_barriers[32];
static uint64_t exchange[1024];  // what each thread shows the others of its warp in a shuffle
static char* dynamic_shared;     // extern __shared__
static void (*run_thread)(void*);
static void* run_argument;

inline void hand_over() {
    if (!_setjmp(fibers[current].here)) _longjmp(scheduler, 1);
    threadIdx = fibers[current].thread;
}

inline void open_if_all_came(Barrier& barrier) {
    if (barrier.alive && barrier.waiting == barrier.alive) {
        barrier.waiting = 0;
        barrier.round++;
        steps_forward++;
    }
}

inline void wait_at(Barrier& barrier) {
    const unsigned round = barrier.round;
    barrier.waiting++;
    open_if_all_came(barrier);
    while (barrier.round == round) hand_over();
}

inline void leave(Barrier& barrier) {  // a thread that has ended no longer holds up the others
    barrier.alive--;
    open_if_all_came(barrier);
}

// A fiber's life: run a thread to its end, again and again, as the scheduler asks.
static void live() {
    for (;;) {
        run_thread(run_argument);
        fibers[current].done = true;
        steps_forward++;
        leave(block_barrier);
        leave(warp_barriers[current / 32]);
        hand_over();
    }
}

inline void resume(size_t index) {
    current = index;
    threadIdx = fibers[index].thread;
    if (_setjmp(scheduler)) return;
    if (fibers[index].stack) _longjmp(fibers[index].here, 1);
    fibers[index].stack = (char*)malloc(STACK_BYTES);
    getcontext(&starter);
    starter.uc_stack.ss_sp = fibers[index].stack;
    starter.uc_stack.ss_size = STACK_BYTES;
    starter.uc_link = nullptr;
    makecontext(&starter, live, 0);
    setcontext(&starter);
}

inline uint3 thread_at(size_t index) {
    return {unsigned(index % blockDim.x), unsigned(index / blockDim.x % blockDim.y),
            unsigned(index / blockDim.x / blockDim.y)};
}

// False if the threads wait for each other for ever: at different barriers, for instance.
static bool run_block_in_fibers(size_t threads) {
    block_barrier = {unsigned(threads), 0, 0};
    for (size_t w = 0; w < 32; w++)
        warp_barriers[w] = {threads > 32 * w ? unsigned(min(threads - 32 * w, 32)) : 0, 0, 0};
    for (size_t i = 0; i < threads; i++) {
        fibers[i].done = false;
        fibers[i].thread = thread_at(i);
    }
    for (bool alive = true; alive;) {
        const size_t before = steps_forward;
        alive = false;
        for (size_t i = 0; i < threads; i++)
            if (!fibers[i].done) {
                resume(i);
                alive = alive || !fibers[i].done;
            }
        if (alive && steps_forward == before) {
            for (Fiber& fiber : fibers) fiber.stack = nullptr;  // give them up as they stand
            return false;
        }
    }
    return true;
}

static bool run_block_in_a_loop(size_t threads) {
    threadIdx = {0, 0, 0};
    for (size_t i = 0; i < threads; i++) {
        run_thread(run_argument);
        if (++threadIdx.x == blockDim.x) {
            threadIdx.x = 0;
            if (++threadIdx.y == blockDim.y) {
                threadIdx.y = 0;
                threadIdx.z++;
            }
        }
    }
    return true;
}

// ---- launches -----------------------------------------------------------------------------------

struct Shape { unsigned grid[3], block[3]; size_t dynamic_shared_bytes; };

// A kernel and its arguments, copied, so that a captured launch can be replayed any time.
struct Call {
    virtual void run() = 0;
    virtual ~Call() {}
};

template <class... Arguments>
struct BoundCall : Call {
    void (*kernel)(Arguments...);
    std::tuple<Arguments...> arguments;
    BoundCall(void (*k)(Arguments...), std::tuple<Arguments...> a) : kernel(k), arguments(a) {}
    void run() override { std::apply(kernel, arguments); }
};

template <class... Arguments, size_t... I>
Call* bind(void (*kernel)(Arguments...), void** pointers, std::index_sequence<I...>) {
    return new BoundCall<Arguments...>(
        kernel, std::tuple<Arguments...>(*static_cast<std::decay_t<Arguments>*>(pointers[I])...));
}

template <class... Arguments>
Call* bind(void (*kernel)(Arguments...), void** pointers) {
    return bind(kernel, pointers, std::index_sequence_for<Arguments...>{});
}

inline bool run(Call* call, const Shape& shape, bool in_fibers) {
    gridDim = {shape.grid[0], shape.grid[1], shape.grid[2]};
    blockDim = {shape.block[0], shape.block[1], shape.block[2]};
    const size_t threads = size_t(blockDim.x) * blockDim.y * blockDim.z;
    run_thread = [](void* pointer) { static_cast<Call*>(pointer)->run(); };
    run_argument = call;
    const size_t bytes = (shape.dynamic_shared_bytes + 255) / 256 * 256;
    dynamic_shared = bytes ? static_cast<char*>(aligned_alloc(256, bytes)) : nullptr;
    bool ended = true;
    for (unsigned z = 0; z < gridDim.z && ended; z++)
        for (unsigned y = 0; y < gridDim.y && ended; y++)
            for (unsigned x = 0; x < gridDim.x && ended; x++) {
                blockIdx = {x, y, z};
                if (bytes) memset(dynamic_shared, 0xFF, bytes);  // nothing of the block before
                ended = in_fibers ? run_block_in_fibers(threads) : run_block_in_a_loop(threads);
            }
    free(dynamic_shared);
    return ended;
}

inline size_t lane_index() {
    return threadIdx.x + blockDim.x * (threadIdx.y + size_t(blockDim.y) * threadIdx.z);
}

// What thread `source` of this block shows; all living threads of the warp have to take part.
template <class T>
T shuffle(T value, size_t source) {
    static_assert(sizeof(T) <= 8, "a shuffle moves at most eight bytes");
    const size_t me = lane_index();
    memcpy(&exchange[me], &value, sizeof(T));
    wait_at(warp_barriers[me / 32]);
    T result;
    memcpy(&result, &exchange[source], sizeof(T));
    wait_at(warp_barriers[me / 32]);
    return result;
}

}  // namespace cuda_on_cpu

// ---- functions of the language ------------------------------------------------------------------

inline void __syncthreads() { cuda_on_cpu::wait_at(cuda_on_cpu::block_barrier); }
inline void __syncwarp(unsigned = ~0u) {
    cuda_on_cpu::wait_at(cuda_on_cpu::warp_barriers[cuda_on_cpu::lane_index() / 32]);
}
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class T> T __shfl_sync(unsigned, T value, int lane, int width = 32) {
    const size_t me = cuda_on_cpu::lane_index();
    return cuda_on_cpu::shuffle(value, me / width * width + lane % width);
}
template <class T> T __shfl_xor_sync(unsigned, T value, int mask, int width = 32) {
    const size_t me = cuda_on_cpu::lane_index(), source = me ^ size_t(mask);
    return cuda_on_cpu::shuffle(value, source / width == me / width ? source : me);
}
template <class T> T __shfl_down_sync(unsigned, T value, unsigned delta, int width = 32) {
    const size_t me = cuda_on_cpu::lane_index(), source = me + delta;
    return cuda_on_cpu::shuffle(value, source / width == me / width ? source : me);
}
template <class T> T __shfl_up_sync(unsigned, T value, unsigned delta, int width = 32) {
    const size_t me = cuda_on_cpu::lane_index(), source = me - delta;
    return cuda_on_cpu::shuffle(value, me % width >= delta ? source : me);
}

template <class T> T atomicAdd(T* address, T value) {
    const T old = *address;
    *address = old + value;
    return old;
}
template <class T> T atomicMax(T* address, T value) {
    const T old = *address;
    *address = max(old, value);
    return old;
}
template <class T> T atomicMin(T* address, T value) {
    const T old = *address;
    *address = min(old, value);
    return old;
}
template <class T> T atomicExch(T* address, T value) {
    const T old = *address;
    *address = value;
    return old;
}
template <class T> T atomicCAS(T* address, T expected, T value) {
    const T old = *address;
    if (old == expected) *address = value;
    return old;
}

template <class T> T __ldg(const T* address) { return *address; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned __int128)a * b >> 64;
}
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned long long)a * b >> 32; }

namespace cuda_on_cpu {
template <class To, class From> To same_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "");
    To to;
    memcpy(&to, &from, sizeof(To));
    return to;
}
}  // namespace cuda_on_cpu
inline long long __double_as_longlong(double x) { return cuda_on_cpu::same_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return cuda_on_cpu::same_bits<double>(x); }
inline int __float_as_int(float x) { return cuda_on_cpu::same_bits<int>(x); }
inline float __int_as_float(int x) { return cuda_on_cpu::same_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return cuda_on_cpu::same_bits<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return cuda_on_cpu::same_bits<float>(x); }

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline float fdividef(float a, float b) { return a / b; }
inline float __fdividef(float a, float b) { return a / b; }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dsqrt_rn(double x) { return sqrt(x); }
inline double __ddiv_rn(double a, double b) { return a / b; }
