// Numbers of a weight in the blocks of a GGUF file; the formats stand in
// Sources/Quantization/Blocks. BLOCKS is the format's number in such files. A shader has declared
// the weight as INPUT_INT and defines BLOCK_WORD(index), its words. Bytes are counted from the
// first word that is bound: a block begins at any byte, and no word behind its last byte is read.
//
// Of products and sums each is rounded alone: precise.

uint byte_at(uint place) { return (BLOCK_WORD(place >> 2) >> ((place & 3u) * 8u)) & 0xFFu; }

uint two_bytes_at(uint place) {
    uint shift = (place & 3u) * 8u;
    uint bits = BLOCK_WORD(place >> 2) >> shift;
    if (shift == 24u) bits |= BLOCK_WORD((place >> 2) + 1u) << 8;
    return bits & 0xFFFFu;
}

uint four_bytes_at(uint place) {
    uint shift = (place & 3u) * 8u;
    uint bits = BLOCK_WORD(place >> 2) >> shift;
    if (shift > 0u) bits |= BLOCK_WORD((place >> 2) + 1u) << (32u - shift);
    return bits;
}

float half_number_at(uint place) { return float_from_half(two_bytes_at(place)); }

// Eight bytes, of which `byte_of` gives one.
uvec2 eight_bytes_at(uint place) { return uvec2(four_bytes_at(place), four_bytes_at(place + 4u)); }
uint byte_of(uvec2 bytes, uint index) { return ((index < 4u ? bytes.x : bytes.y) >> ((index & 3u) * 8u)) & 0xFFu; }

float times(float a, float b) {
    precise float product = a * b;
    return product;
}
float plus(float a, float b) {
    precise float sum = a + b;
    return sum;
}

#if BLOCKS == 2
#define BLOCK_LENGTH 32u
#define BLOCK_BYTES 18u
#elif BLOCKS == 3
#define BLOCK_LENGTH 32u
#define BLOCK_BYTES 20u
#elif BLOCKS == 6
#define BLOCK_LENGTH 32u
#define BLOCK_BYTES 22u
#elif BLOCKS == 7
#define BLOCK_LENGTH 32u
#define BLOCK_BYTES 24u
#elif BLOCKS == 8
#define BLOCK_LENGTH 32u
#define BLOCK_BYTES 34u
#elif BLOCKS == 10
#define BLOCK_LENGTH 256u
#define BLOCK_BYTES 84u
#elif BLOCKS == 11
#define BLOCK_LENGTH 256u
#define BLOCK_BYTES 110u
#elif BLOCKS == 12
#define BLOCK_LENGTH 256u
#define BLOCK_BYTES 144u
#elif BLOCKS == 13
#define BLOCK_LENGTH 256u
#define BLOCK_BYTES 176u
#elif BLOCKS == 14
#define BLOCK_LENGTH 256u
#define BLOCK_BYTES 210u
#elif BLOCKS == 20
#define BLOCK_LENGTH 32u
#define BLOCK_BYTES 18u
#elif BLOCKS == 23
#define BLOCK_LENGTH 256u
#define BLOCK_BYTES 136u
#elif BLOCKS == 34
#define BLOCK_LENGTH 256u
#define BLOCK_BYTES 54u
#elif BLOCKS == 35
#define BLOCK_LENGTH 256u
#define BLOCK_BYTES 66u
#elif BLOCKS == 39
#define BLOCK_LENGTH 32u
#define BLOCK_BYTES 17u
#endif

#if BLOCKS == 20 || BLOCKS == 23
const float finer_values[16] = float[](-127., -104., -83., -65., -49., -35., -22., -10., 1., 13., 25., 38., 53., 69., 89., 113.);
#elif BLOCKS == 39
const float sizes[16] = float[](0., 1., 2., 3., 4., 6., 8., 12., 0., -1., -2., -3., -4., -6., -8., -12.);
#endif

#if BLOCKS == 12 || BLOCKS == 13
// Scale and minimum of a group, of 6 bits each, times what they count.
vec2 scale_and_minimum(uint block, uint group) {
    uint scale, minimum;
    if (group < 4u) {
        scale = byte_at(block + 4u + group) & 63u;
        minimum = byte_at(block + 8u + group) & 63u;
    } else {
        uint low = byte_at(block + 8u + group);
        scale = (low & 15u) | (byte_at(block + group) >> 6) << 4;
        minimum = low >> 4 | (byte_at(block + 4u + group) >> 6) << 4;
    }
    return vec2(times(half_number_at(block), float(scale)), times(half_number_at(block + 2u), float(minimum)));
}
#endif

// Eight numbers of a row that begins at byte `row`, from a column on that is a multiple of eight:
// of every format they have their scale in common, and their codes are in eight bytes.
void run_of_blocks(uint row, uint column, out float numbers[8]) {
    uint block = row + column / BLOCK_LENGTH * BLOCK_BYTES;
    uint e = column & (BLOCK_LENGTH - 1u);
#if BLOCKS == 8
    float scale = half_number_at(block);
    uvec2 codes = eight_bytes_at(block + 2u + e);
    for (uint i = 0; i < 8; i++) numbers[i] = times(float(int(byte_of(codes, i) << 24) >> 24), scale);
#elif BLOCKS == 2 || BLOCKS == 3 || BLOCKS == 6 || BLOCKS == 7 || BLOCKS == 20
    // In the low halves of 16 bytes, then in the high ones.
    float scale = half_number_at(block);
    uvec2 codes = eight_bytes_at(block + BLOCK_BYTES - 16u + (e & 15u));
    uint shift = (e >> 4) * 4u;
#if BLOCKS == 3 || BLOCKS == 7
    float minimum = half_number_at(block + 2u);
#endif
#if BLOCKS == 6 || BLOCKS == 7
    uint fifths = four_bytes_at(block + BLOCK_BYTES - 20u) >> e;
#endif
    for (uint i = 0; i < 8; i++) {
        uint code = (byte_of(codes, i) >> shift) & 15u;
#if BLOCKS == 2
        numbers[i] = times(float(int(code) - 8), scale);
#elif BLOCKS == 3
        numbers[i] = plus(times(float(code), scale), minimum);
#elif BLOCKS == 6
        numbers[i] = times(float(int(code | ((fifths >> i) & 1u) << 4) - 16), scale);
#elif BLOCKS == 7
        numbers[i] = plus(times(float(code | ((fifths >> i) & 1u) << 4), scale), minimum);
#else
        numbers[i] = times(finer_values[code], scale);
#endif
    }
#elif BLOCKS == 10 || BLOCKS == 11 || BLOCKS == 35
    // In the lowest two bits of 32 bytes, then in those above them.
    uint shift = ((e & 127u) >> 5) * 2u;
    uint group = e >> 4;
#if BLOCKS == 10
    uint steps = byte_at(block + group);
    float scale = times(half_number_at(block + 80u), float(steps & 15u));
    float minimum = times(half_number_at(block + 82u), float(steps >> 4));
    uvec2 codes = eight_bytes_at(block + 16u + (e >> 7) * 32u + (e & 31u));
#elif BLOCKS == 11
    uint low = (byte_at(block + 96u + (group & 7u)) >> (group < 8u ? 0u : 4u)) & 15u;
    uint high = (byte_at(block + 104u + (group & 3u)) >> ((group >> 2) * 2u)) & 3u;
    float scale = times(half_number_at(block + 108u), float(int(low | high << 4) - 32));
    uvec2 codes = eight_bytes_at(block + 32u + (e >> 7) * 32u + (e & 31u));
    uvec2 thirds = eight_bytes_at(block + (e & 31u));
#else
    float scale = half_number_at(block + 64u);
    uvec2 codes = eight_bytes_at(block + (e >> 7) * 32u + (e & 31u));
#endif
    for (uint i = 0; i < 8; i++) {
        uint code = (byte_of(codes, i) >> shift) & 3u;
#if BLOCKS == 10
        numbers[i] = plus(times(scale, float(code)), -minimum);
#elif BLOCKS == 11
        numbers[i] = times(scale, float(int(code | ((byte_of(thirds, i) >> (e >> 5)) & 1u) << 2) - 4));
#else
        numbers[i] = times(float(int(code) - 1), scale);
#endif
    }
#elif BLOCKS == 12 || BLOCKS == 13
    uint group = e >> 5;
    vec2 own = scale_and_minimum(block, group);
    uvec2 codes = eight_bytes_at(block + BLOCK_BYTES - 128u + (e >> 6) * 32u + (e & 31u));
    uint shift = (group & 1u) * 4u;
#if BLOCKS == 13
    uvec2 fifths = eight_bytes_at(block + 16u + (e & 31u));
#endif
    for (uint i = 0; i < 8; i++) {
        uint code = (byte_of(codes, i) >> shift) & 15u;
#if BLOCKS == 13
        code |= ((byte_of(fifths, i) >> group) & 1u) << 4;
#endif
        numbers[i] = plus(times(own.x, float(code)), -own.y);
    }
#elif BLOCKS == 14
    float scale = times(half_number_at(block + 208u), float(int(byte_at(block + 192u + (e >> 4)) << 24) >> 24));
    uvec2 low = eight_bytes_at(block + (e >> 7) * 64u + (e & 63u));
    uvec2 high = eight_bytes_at(block + 128u + (e >> 7) * 32u + (e & 31u));
    uint low_shift = ((e >> 6) & 1u) * 4u, high_shift = ((e & 127u) >> 5) * 2u;
    for (uint i = 0; i < 8; i++) {
        uint code = ((byte_of(low, i) >> low_shift) & 15u) | ((byte_of(high, i) >> high_shift) & 3u) << 4;
        numbers[i] = times(scale, float(int(code) - 32));
    }
#elif BLOCKS == 23
    uint group = e >> 5;
    uint low = (byte_at(block + 4u + (group >> 1)) >> ((group & 1u) * 4u)) & 15u;
    uint high = (two_bytes_at(block + 2u) >> (group * 2u)) & 3u;
    float scale = times(half_number_at(block), float(int(low | high << 4) - 32));
    uvec2 codes = eight_bytes_at(block + 8u + group * 16u + (e & 15u));
    uint shift = ((e >> 4) & 1u) * 4u;
    for (uint i = 0; i < 8; i++) numbers[i] = times(finer_values[(byte_of(codes, i) >> shift) & 15u], scale);
#elif BLOCKS == 39
    // Half of 2^(exponent - 127).
    uint exponent = byte_at(block);
    float scale = uintBitsToFloat(exponent < 2u ? 0x200000u << exponent : (exponent - 1u) << 23);
    uvec2 codes = eight_bytes_at(block + 1u + (e & 15u));
    uint shift = (e >> 4) * 4u;
    for (uint i = 0; i < 8; i++) numbers[i] = times(sizes[(byte_of(codes, i) >> shift) & 15u], scale);
#elif BLOCKS == 34
    // Digits with base 3: five to a byte, four to each of the last four bytes.
    const uint powers[5] = uint[](1u, 3u, 9u, 27u, 81u);
    float scale = half_number_at(block + 52u);
    for (uint i = 0; i < 8; i++) {
        uint at = e + i;
        uint place, digit;
        if (at < 160u) {
            place = at & 31u;
            digit = at >> 5;
        } else if (at < 240u) {
            place = 32u + (at & 15u);
            digit = (at - 160u) >> 4;
        } else {
            place = 48u + (at & 3u);
            digit = (at - 240u) >> 2;
        }
        uint code = (((byte_at(block + place) * powers[digit]) & 0xFFu) * 3u) >> 8;
        numbers[i] = times(float(int(code) - 1), scale);
    }
#endif
}

float block_number_at(uint row, uint column) {
    float numbers[8];
    run_of_blocks(row, column & ~7u, numbers);
    float number = numbers[0];
    for (uint i = 1; i < 8; i++) number = (column & 7u) == i ? numbers[i] : number;
    return number;
}
