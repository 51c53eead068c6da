// CUDA C++ on a processor: the threads of a block are threads, its blocks run one after the other.
//
// In place of ``instructions.cu``; the other files of our kernels are compiled as they are. What the threads of a warp do
// together waits for all of them. Copies into shared memory arrive only when they are waited for, so that a wait that is
// missing or too weak shows. Source of the fragments: PTX ISA 9.0, "Matrix fragments for mma.m16n8k16 with floating point
// type" and "for mma.m16n8k32", "movmatrix" and "prmt".

#pragma once
#include <algorithm>
#include <atomic>
#include <barrier>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

struct uint2 { u32 x, y; };
struct float2 { float x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(16) uint4 { u32 x, y, z, w; };
struct alignas(16) float4 { float x, y, z, w; };
struct Place { int x, y, z; };

inline uint2 make_uint2(u32 x, u32 y) { return {x, y}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline uint4 make_uint4(u32 x, u32 y, u32 z, u32 w) { return {x, y, z, w}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

#define __CUDA_ARCH__ 900
#define __device__
#define __constant__ static
#define __shared__ static
#define __global__
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define SHARED_AT_LAUNCH(name) float* const name = (float*)shared_of_block

using std::max;
using std::min;

constexpr int SHARED_BYTES = 227 << 10, WARPS_AT_MOST = 32;
alignas(16) static u8 shared_of_block[SHARED_BYTES];
static thread_local Place threadIdx, blockIdx;
static Place gridDim;

typedef std::barrier<> Barrier;
static std::unique_ptr<Barrier> of_block, of_warps[WARPS_AT_MOST], of_teams[WARPS_AT_MOST];
static std::mutex making_teams;
static u32 shown[WARPS_AT_MOST][32][6];  // what the lanes of a warp show each other

inline int warp_here() { return threadIdx.x / 32; }
inline int lane_here() { return threadIdx.x % 32; }
inline void __syncthreads() { of_block->arrive_and_wait(); }
inline void __syncwarp() { of_warps[warp_here()]->arrive_and_wait(); }

// Show something to the warp, and look at what all show.
template <class Look>
auto shown_to_warp(const void* mine, int bytes, Look look) {
    memcpy(shown[warp_here()][lane_here()], mine, bytes);
    __syncwarp();
    const auto seen = look(shown[warp_here()]);
    __syncwarp();
    return seen;
}

template <class Value>
Value of_lane(Value value, int lane) {
    return shown_to_warp(&value, 4, [lane](u32 (*all)[6]) {
        Value other;
        memcpy(&other, all[lane], 4);
        return other;
    });
}

template <class Value>
Value __shfl_xor_sync(u32, Value value, int mask) { return of_lane(value, lane_here() ^ mask); }
inline float __shfl_down_sync(u32, float value, int by) { return of_lane(value, min(lane_here() + by, 31)); }

inline bool __all_sync(u32, bool holds) {
    const u32 mine = holds;
    return shown_to_warp(&mine, 4, [](u32 (*all)[6]) {
        return std::all_of(all, all + 32, [](const u32* lane) { return lane[0] != 0; });
    });
}

inline float __uint_as_float(u32 bits) { float value; memcpy(&value, &bits, 4); return value; }
inline u32 __float_as_uint(float value) { u32 bits; memcpy(&bits, &value, 4); return bits; }
inline float __expf(float value) { return expf(value); }
inline float rsqrtf(float value) { return 1 / sqrtf(value); }
template <class Value> Value __ldcg(const Value* from) { return *from; }

inline u32 __byte_perm(u32 low, u32 high, u32 selector) {
    u8 bytes[8];
    u32 chosen = 0;
    memcpy(bytes, &low, 4), memcpy(bytes + 4, &high, 4);
    for (int i = 0; i < 4; i++) chosen |= (u32)bytes[selector >> 4 * i & 7] << 8 * i;
    return chosen;
}

inline u32 chosen(u32 low, u32 high, u32 halves) {
    u32 bytes = __byte_perm(low, high, halves);
    for (int i = 0; i < 4; i++) {
        if (halves >> 4 * i & 8) bytes = bytes & ~(0xffu << 8 * i) | (bytes >> 8 * i & 0x80 ? 0xffu : 0) << 8 * i;
    }
    return bytes;
}

inline float half_to_float(u16 bits) { _Float16 half; memcpy(&half, &bits, 2); return half; }
inline u16 float_to_half(float value) { const _Float16 half = (_Float16)value; u16 bits; memcpy(&bits, &half, 2); return bits; }
inline float of_bf16(u16 bits) { return __uint_as_float((u32)bits << 16); }
inline float larger(float one, float other) { return one != one || other != other ? NAN : max(one, other); }
inline float __fdividef(float one, float other) { return one / other; }
inline uint4 streamed(const uint4* from) { return *from; }
inline void wait_for_kernel_before() {}
inline int count_up(int* counter) { return std::atomic_ref<int>(*counter).fetch_add(1); }

template <class Widen>
void multiply(float* sums, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1, Widen widen) {
    const u32 mine[6] = {a0, a1, a2, a3, b0, b1};
    const float4 found = shown_to_warp(mine, sizeof mine, [=](u32 (*all)[6]) {
        const auto number = [&](int lane, int word, int half) { return widen((u16)(all[lane][word] >> 16 * half)); };
        float results[4];
        for (int i = 0; i < 4; i++) {
            const int row = lane_here() / 4 + i / 2 * 8, column = lane_here() % 4 * 2 + i % 2;
            results[i] = sums[i];
            for (int k = 0; k < 16; k++) {
                const float left = number(row % 8 * 4 + k % 8 / 2, row / 8 + k / 8 * 2, k % 2);
                results[i] += left * number(column * 4 + k % 8 / 2, 4 + k / 8, k % 2);
            }
        }
        return make_float4(results[0], results[1], results[2], results[3]);
    });
    memcpy(sums, &found, 16);
}

inline void multiply_f16(float* sums, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    multiply(sums, a0, a1, a2, a3, b0, b1, half_to_float);
}

inline void multiply_bf16(float* sums, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    multiply(sums, a0, a1, a2, a3, b0, b1, of_bf16);
}

inline void multiply_u8(int* sums, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    const u32 mine[6] = {a0, a1, a2, a3, b0, b1};
    const int4 found = shown_to_warp(mine, sizeof mine, [=](u32 (*all)[6]) {
        int results[4];
        for (int i = 0; i < 4; i++) {
            const int row = lane_here() / 4 + i / 2 * 8, column = lane_here() % 4 * 2 + i % 2;
            results[i] = sums[i];
            for (int k = 0; k < 32; k++) {
                const u8 left = (u8)(all[row % 8 * 4 + k % 16 / 4][row / 8 + k / 16 * 2] >> 8 * (k % 4));
                results[i] += left * (signed char)(all[column * 4 + k % 16 / 4][4 + k / 16] >> 8 * (k % 4));
            }
        }
        return int4{results[0], results[1], results[2], results[3]};
    });
    memcpy(sums, &found, 16);
}

inline u32 turned(u32 pair) {
    return shown_to_warp(&pair, 4, [](u32 (*all)[6]) {
        const int g = lane_here() / 4, t = lane_here() % 4;
        const auto number = [&](int row) { return all[row * 4 + g / 2][0] >> g % 2 * 16 & 0xffffu; };
        return number(2 * t) | number(2 * t + 1) << 16;
    });
}

inline u32 shared_address(const void* pointer) { return (u32)((const u8*)pointer - shared_of_block); }

inline uint4 load_shared16(u32 address) { uint4 words; memcpy(&words, shared_of_block + address, 16); return words; }

struct Copy {
    u32 to;
    const void* from;
    int bytes, size;
};
static thread_local std::deque<std::vector<Copy>> copies;  // in groups; the last one is open

inline void copy16(u32 to, const void* from, int bytes = 16) { copies.back().push_back({to, from, bytes, 16}); }
inline void copy4(u32 to, const void* from) { copies.back().push_back({to, from, 4, 4}); }
inline void close_copies() { copies.emplace_back(); }

inline void wait_until_left(size_t groups) {
    for (; copies.size() > groups; copies.pop_front()) {
        for (const Copy& copy : copies.front()) {
            if (copy.to + copy.size > SHARED_BYTES) fprintf(stderr, "a copy beyond the shared memory\n"), abort();
            memcpy(shared_of_block + copy.to, copy.from, copy.bytes);
            memset(shared_of_block + copy.to + copy.bytes, 0, copy.size - copy.bytes);
        }
    }
}

template <int COUNT> void wait_for_copies_but() { wait_until_left(COUNT + 1); }
inline void wait_for_copies() { wait_until_left(0), copies.emplace_back(); }

template <int THREADS_OF_TEAM>
void wait_for_team(int team) {
    {
        const std::lock_guard<std::mutex> lock(making_teams);
        if (!of_teams[team]) of_teams[team] = std::make_unique<Barrier>(THREADS_OF_TEAM);
    }
    of_teams[team]->arrive_and_wait();
}

template <class Argument>
void launch(void (*kernel)(Argument), int blocks, int down, int threads, const Argument& argument) {
    gridDim = {blocks, down, 1};
    for (int number = 0; number < blocks * down; number++) {
        of_block = std::make_unique<Barrier>(threads);
        for (int warp = 0; warp < threads / 32; warp++) of_warps[warp] = std::make_unique<Barrier>(32), of_teams[warp].reset();
        memset(shared_of_block, 0xff, SHARED_BYTES);  // no numbers
        std::vector<std::thread> running;
        for (int thread = 0; thread < threads; thread++) {
            running.emplace_back([=, &argument] {
                threadIdx = {thread, 0, 0}, blockIdx = {number % blocks, number / blocks, 0};
                copies.assign(1, {});
                kernel(argument);
            });
        }
        for (std::thread& thread : running) thread.join();
    }
}

static std::mt19937 generator(7);
inline float drawn() { static std::normal_distribution<float> normal; return normal(generator); }
inline int drawn_below(int end) { return (int)(generator() % (u32)end); }

inline double distance(const std::vector<double>& wanted, const float* found) {  // relative to the norm of what is wanted
    double error = 0, norm = 0;
    for (size_t i = 0; i < wanted.size(); i++) error += pow(found[i] - wanted[i], 2), norm += wanted[i] * wanted[i];
    return sqrt(error / norm);
}
