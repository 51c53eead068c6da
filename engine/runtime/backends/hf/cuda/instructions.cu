// What a GPU can do and CUDA C++ has no words for, and types as short as they are often used.
//
// Source: PTX ISA 9.0, under each instruction's name. Nothing else here is written in PTX, so that on a processor all other
// files can be tried with these few written anew.

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

#define SHARED_AT_LAUNCH(name) extern __shared__ __align__(16) float name[]  // how much is told at the launch

__device__ float half_to_float(u16 bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

__device__ u16 float_to_half(float value) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

__device__ uint4 streamed(const uint4* from) {  // weights are used once: they shall not push others out of the cache
    uint4 piece;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(piece.x), "=r"(piece.y), "=r"(piece.z), "=r"(piece.w) : "l"(from));
    return piece;
}

// A kernel may be started while the one before still runs (cudaLaunchAttributeProgrammaticStreamSerialization): what does
// not depend on that is done before this line. All memory of the kernels before is visible after it.
__device__ void wait_for_kernel_before() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;\n\tgriddepcontrol.wait;" ::: "memory");
#endif
}

#if __CUDA_ARCH__ >= 750

// A float32 matrix of 16 × 8, four numbers in each lane, plus a 16 × 16 matrix times a 16 × 8 one, both of bfloat16.
__device__ void multiply_bf16(float* sums, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#endif
}

// The same with float16, on Turing in two halves.
__device__ void multiply_f16(float* sums, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#else
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3]) : "r"(a0), "r"(a1), "r"(b0));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3]) : "r"(a2), "r"(a3), "r"(b1));
#endif
}

// An int32 matrix of 16 × 8 plus a 16 × 32 matrix of uint8 times a 32 × 8 one of int8.
__device__ void multiply_u8(int* sums, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#endif
}

__device__ u32 turned(u32 pair) {  // an 8 × 8 matrix of 16 bits, two numbers of a row in each lane
    u32 columns;
    asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(columns) : "r"(pair));
    return columns;
}

// Count a block that is done: what it wrote before a barrier is seen by whoever counts after it.
__device__ int count_up(int* counter) {
    int before;
    asm volatile("atom.add.acq_rel.gpu.global.s32 %0, [%1], 1;" : "=r"(before) : "l"(counter) : "memory");
    return before;
}

#endif

#if __CUDA_ARCH__ >= 800

__device__ u32 shared_address(const void* pointer) { return (u32)__cvta_generic_to_shared(pointer); }

__device__ uint4 load_shared16(u32 address) {
    uint4 words;
    asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w) : "r"(address) : "memory");
    return words;
}

// Copies into shared memory that nobody waits for yet: they belong to the group that is closed next.
__device__ void copy16(u32 to, const void* from, int bytes = 16) {  // behind `bytes` come zeros
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

__device__ void copy4(u32 to, const void* from) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(from) : "memory");
}

__device__ void close_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int COUNT>
__device__ void wait_for_copies_but() {  // but the last groups
    asm volatile("cp.async.wait_group %0;" ::"n"(COUNT) : "memory");
}

__device__ void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

template <int THREADS_OF_TEAM>
__device__ void wait_for_team(int team) {  // 0 is the barrier of all
    asm volatile("bar.sync %0, %1;" ::"r"(1 + team), "n"(THREADS_OF_TEAM) : "memory");
}

__device__ float larger(float one, float other) {  // not a number, if one is not
    float most;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(most) : "f"(one), "f"(other));
    return most;
}

__device__ u32 chosen(u32 low, u32 high, u32 halves) {  // of eight bytes, by four halves of bytes
    u32 bytes;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(bytes) : "r"(low), "r"(high), "r"(halves));
    return bytes;
}

#endif
