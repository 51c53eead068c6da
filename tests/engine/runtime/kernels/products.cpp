// Our products of matrices and a vector on a processor, beside float64. Prints a line for each try.

#include "on_processor.h"
#include "numbers.cu"
#include "products.cu"
#include "four_bits.cu"

constexpr float EPSILON = 1e-5f;
constexpr bool GROUPED = KIND == INT4;
constexpr float NF4_VALUES[16] = {-1.0f, -0.6961928f, -0.52507305f, -0.39491749f, -0.28444138f, -0.18477343f, -0.09105004f, 0.0f,
                                  0.0795803f, 0.1609302f, 0.2461123f, 0.33791524f, 0.44070983f, 0.562617f, 0.72295684f, 1.0f};

static bool in_seven_bits = false;  // the values of NF4, as the tensor cores take them

static double nf4_value(int code) {
#if KIND >= 3
    const u32 bytes[4] = {BELOW_LOW, BELOW_HIGH, ABOVE_LOW, ABOVE_HIGH};
    const double value = (bytes[code / 4] >> code % 4 * 8 & 255) * (code < 8 ? -BELOW_STEP : ABOVE_STEP);
    if (fabs(value - NF4_VALUES[code]) > 0.0024) fprintf(stderr, "%d is not near a value of NF4\n", code), abort();
    if (in_seven_bits) return value;
#endif
    return NF4_VALUES[code];
}

// A matrix with what it was packed from.
struct Packed {
    int rows, columns, group;
    std::vector<u8> codes, small_scales, zeros;
    std::vector<u16> wide, scales;
    std::vector<float> row_scales, scales_of_scales, nested_table, bias;
    float offset = 0.01f;
    std::vector<double> weights;

    Packed(int rows, int columns, int group, const std::vector<float>& nested)
        : rows(rows), columns(columns), group(group), nested_table(nested), bias(rows), weights((size_t)rows * columns) {
        const size_t count = weights.size();
        codes.resize(FOUR_BIT ? count / 2 : count), wide.resize(count);
        for (float& number : bias) number = drawn();
        for (u8& code : codes) code = drawn_below(256);
        for (u16& number : wide) number = to16(drawn() * 0.02f, KIND == F16);
        for (int row = 0; row < rows; row++) row_scales.push_back(0.0002f * (1 + drawn_below(9)));
        for (size_t i = 0; GROUPED && i < count / group; i++) {
            scales.push_back(float_to_half(0.001f * (1 + drawn_below(9)))), zeros.push_back(drawn_below(17));
        }
        for (size_t i = 0; i < count / 64; i++) small_scales.push_back(drawn_below(256));
        for (size_t i = 0; i <= count / 64 / 256; i++) scales_of_scales.push_back(0.02f + 0.001f * drawn_below(9));
        for (size_t i = 0; i < count; i++) weights[i] = weight(i);
    }

    double weight(size_t i) const {
        if (KIND <= F16) return low16(wide[i], KIND == F16);
        if (KIND == INT8) return (double)(signed char)codes[i] * row_scales[i / columns];
        const int code = i % 2 ? codes[i / 2] & 15 : codes[i / 2] >> 4;
        if (GROUPED) return half_to_float(scales[i / group]) * (code - (double)zeros[i / group]);
        return nf4_value(code) * ((double)nested_table[small_scales[i / 64]] * scales_of_scales[i / 64 / 256] + offset);
    }

    Matrix matrix() const {
        const void* data = KIND <= F16 ? (const void*)wide.data() : codes.data();
        const void* scale = KIND == INT8 ? (const void*)row_scales.data() : GROUPED ? (const void*)scales.data() : small_scales.data();
        const void* more = GROUPED ? (const void*)zeros.data() : scales_of_scales.data();
        int shift = 0;
        while (GROUPED && 32 << shift < group) shift++;
        return {data, scale, more, bias.data(), nested_table.data(), offset, group, rows, shift};
    }
};

struct Try {
    int mode, rows, columns, group;
    bool ordered;
    float largest;        // of the vector; if that is no number, one of its values is none
};

static void attempt(const char* name, void (*kernel)(Product), int threads, int blocks, const Try& with) {
    std::vector<float> nested(256), input(with.columns), gain(with.columns), table(16), found(3 * with.rows);
    for (float& number : nested) number = drawn();
    const bool spoilt = std::isnan(with.largest);
    for (float& number : input) number = drawn() * (spoilt ? 1 : with.largest);
    if (spoilt) input[with.columns / 2] = NAN;
    for (float& number : gain) number = 0.5f + fabsf(drawn());
    for (float& number : found) number = drawn();
    for (int i = 0; i < 16; i++) table[i] = GROUPED ? i : NF4_VALUES[i];
    std::vector<int> order(with.columns);
    for (int i = 0; i < with.columns; i++) order[i] = i;
    if (with.ordered) std::shuffle(order.begin(), order.end(), generator);

    const bool norm = with.mode != ADD;
    const int count = with.mode == STORE ? 3 : with.mode == GATED ? 2 : 1;
    std::vector<Packed> matrices;
    Product product = {};
    for (int m = 0; m < count; m++) matrices.emplace_back(with.rows, with.columns, with.group, nested);
    for (int m = 0; m < count; m++) product.matrices[m] = matrices[m].matrix();
    product.input = input.data(), product.gain = norm ? gain.data() : nullptr, product.output = found.data();
    product.order = with.ordered ? order.data() : nullptr, product.table = table.data();
    product.columns = with.columns, product.rows = with.mode == GATED ? with.rows : with.rows * count;
    product.epsilon = EPSILON;

    double square = 0;
    for (float number : input) square += (double)number * number;
    const double factor = norm ? 1 / sqrt(square / with.columns + EPSILON) : 1;
    std::vector<double> sums, wanted;
    for (const Packed& matrix : matrices) {
        for (int row = 0; row < with.rows; row++) {
            double sum = matrix.bias[row];
            for (int i = 0; i < with.columns; i++) {
                sum += matrix.weights[(size_t)row * with.columns + i] * input[order[i]] * (norm ? gain[i] * factor : 1);
            }
            sums.push_back(sum);
        }
    }
    if (with.mode == GATED) {
        for (int row = 0; row < with.rows; row++) wanted.push_back(sums[row] / (1 + exp(-sums[row])) * sums[row + with.rows]);
    } else {
        for (size_t row = 0; row < sums.size(); row++) wanted.push_back(sums[row] + (with.mode == ADD ? found[row] : 0));
    }
    launch(kernel, blocks, 1, threads, product);
    const double error = distance(wanted, found.data()), largest = in_seven_bits ? 1e-4 : LARGEST_ERROR;
    bool fine = spoilt || error < largest;
    for (size_t row = 0; spoilt && row < wanted.size(); row++) fine &= std::isnan(found[row]);
    printf("%s %s %d × %d groups of %d ordered %d largest %g: %.1e\n", fine ? "ok" : "FAILED", name, with.rows, with.columns,
           with.group, with.ordered, with.largest, error);
}

#define ATTEMPT(kernel, threads, blocks, ...) attempt(#kernel, kernel, threads, blocks, Try{__VA_ARGS__})

int main() {
    ATTEMPT(product_store_1, THREADS, 2, STORE, 20, 576, 64, false, 1);
    ATTEMPT(product_add_2, THREADS, 2, ADD, 40, 1088, 64, false, 1);
    ATTEMPT(product_gated_2, THREADS, 2, GATED, 24, 576, 64, false, 1);
#if KIND >= 3
    in_seven_bits = true;
    constexpr bool ORDERED = KIND == 4;
    ATTEMPT(four_bits_store_4, BLOCK_THREADS, 2, STORE, 24, 576, 64, false, 1);
    ATTEMPT(four_bits_store_8, BLOCK_THREADS, 2, STORE, 40, 1088, 32, false, 1e6f);
    ATTEMPT(four_bits_add_8, BLOCK_THREADS, 3, ADD, 130, 1024, ORDERED ? 1024 : 64, false, 1);
    ATTEMPT(four_bits_add_4, BLOCK_THREADS, 1, ADD, 64, 1536, 128, ORDERED, 1);
    ATTEMPT(four_bits_add_4, BLOCK_THREADS, 1, ADD, 16, 576, 64, false, NAN);
    ATTEMPT(four_bits_gated_4, BLOCK_THREADS, 2, GATED, 70, 576, 32, ORDERED, 1);
    ATTEMPT(four_bits_gated_8, BLOCK_THREADS, 1, GATED, 33, 2112, 64, false, 1);
#if BLOCK_WARPS >= 16
    ATTEMPT(four_bits_store_16, BLOCK_THREADS, 2, STORE, 40, 2048, 128, ORDERED, 1);
    ATTEMPT(four_bits_add_16, BLOCK_THREADS, 2, ADD, 40, 4160, 64, false, 100);
    ATTEMPT(four_bits_add2_16, BLOCK_THREADS, 1, ADD, 64, 2112, 64, false, 1);
    ATTEMPT(four_bits_gated_16, BLOCK_THREADS, 1, GATED, 17, 4352, 128, ORDERED, 1);
#endif
#endif
}
