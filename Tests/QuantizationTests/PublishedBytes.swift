/// Hashes of what bitsandbytes 0.50.2 writes for the numbers of these tests;
/// scripts/check-quantization makes them.
enum PublishedBytes {
    static let codes: UInt64 = 0x01B3_279C_A901_179E
    static let scaleCodes: UInt64 = 0x9D00_F135_8252_3076
    static let groups: UInt64 = 0x8DA1_F940_2208_62C9
    static let mean: UInt32 = 0x3F34_4E73
    static let map: UInt64 = 0xD677_F22A_9666_5BC4
    static let numbers: UInt64 = 0x7EEF_6BCA_711C_96F0
}
