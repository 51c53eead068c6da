// Four bits to 16, for a prompt.

struct Widening {
    Matrix matrix;
    const float* table;
    u16* output;
    int columns;
    int f16;
};

extern "C" __global__ void widen(const __grid_constant__ Widening w) {
    __shared__ float table[16];
    if (threadIdx.x < 16) table[threadIdx.x] = w.table[threadIdx.x];
    __syncthreads();
    const long long piece = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (!FOUR_BIT || piece * 32 >= (long long)w.matrix.rows * w.columns) return;
    Pieces<1> p;
    const Matrix* matrix = &w.matrix;
    const int row = piece * 32 / w.columns, at = piece - (long long)row * (w.columns / 32);
    fetch(p, &matrix, &row, w.columns, at);
    const float scale = scale_of(p, 0, w.matrix, w.matrix.nested_table), zero = KIND == INT4 ? p.more[0] : 0;
    const u32 words[4] = {p.codes[0].x, p.codes[0].y, p.codes[0].z, p.codes[0].w};
    uint4* output = (uint4*)(w.output + piece * 32);
#pragma unroll
    for (int word = 0; word < 4; word++) {
        u32 pairs[4];
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const u32 byte = words[word] >> (8 * k) & 255;
            const float even = (table[byte >> 4] - zero) * scale, odd = (table[byte & 15] - zero) * scale;
            pairs[k] = to16(even, w.f16) | (u32)to16(odd, w.f16) << 16;
        }
        output[word] = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
    }
}

