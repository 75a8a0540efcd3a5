import Foundation
import Testing

@testable import Tokenization

@Suite struct NormalizationTests {
    static func apply(_ normalizer: Normalizer, _ text: String) -> String {
        normalizer.apply(AlignedText(Array(text.utf8), base: 0, tracksPlaces: false)).string
    }

    @Test func theFourFormsAgreeWithFoundationOnRandomText() {
        var generator = Numbers(seed: 7)
        // Scalars of old versions of Unicode, so that both have the same tables; no Hangul, of
        // which Foundation composes some syllables wrongly.
        let pool: [ClosedRange<UInt32>] = [
            0x41...0x5A, 0xC0...0x17F, 0x300...0x345, 0x390...0x3CE, 0x5D0...0x5EA, 0x5B0...0x5BD, 0x915...0x95F, 0x1E00...0x1EFF,
            0x2160...0x2188, 0xFB00...0xFB06,
            0xFF21...0xFF3A,
        ]
        for _ in 0..<3_000 {
            var view = String.UnicodeScalarView()
            for _ in 0..<generator.next(12) {
                let range = pool[generator.next(pool.count)]
                if let scalar = Unicode.Scalar(range.lowerBound + UInt32(generator.next(Int(range.upperBound - range.lowerBound) + 1))) {
                    view.append(scalar)
                }
            }
            let text = String(view)
            #expect(Self.apply(.unicode(.nfc), text).utf8.elementsEqual(text.precomposedStringWithCanonicalMapping.utf8))
            #expect(Self.apply(.unicode(.nfd), text).utf8.elementsEqual(text.decomposedStringWithCanonicalMapping.utf8))
            #expect(Self.apply(.unicode(.nfkc), text).utf8.elementsEqual(text.precomposedStringWithCompatibilityMapping.utf8))
            #expect(Self.apply(.unicode(.nfkd), text).utf8.elementsEqual(text.decomposedStringWithCompatibilityMapping.utf8))
        }
    }

    @Test func hangulIsComposedByArithmetic() {
        for code in stride(from: UInt32(0xAC00), through: 0xD7A3, by: 7) {
            guard let scalar = Unicode.Scalar(code) else { continue }
            let parts = Self.apply(.unicode(.nfd), String(scalar))
            #expect(parts.unicodeScalars.count == ((code - 0xAC00) % 28 == 0 ? 2 : 3))
            #expect(Array(Self.apply(.unicode(.nfc), parts).unicodeScalars) == [scalar])
        }
        // A whole syllable takes no further final consonant.
        #expect(Self.apply(.unicode(.nfc), "\u{AC01}\u{11A8}").unicodeScalars.count == 2)
    }

    @Test func aChangedScalarKeepsItsPlaceInTheOriginal() {
        let text = AlignedText(Array("abe\u{301}c".utf8), base: 10, tracksPlaces: true)
        let composed = Normalizer.unicode(.nfc).apply(text)
        #expect(composed.string.utf8.elementsEqual("ab\u{e9}c".utf8))
        #expect(composed.original(2..<4) == 12..<15)
        #expect(composed.original(4..<5) == 15..<16)
    }

    @Test func theOtherNormalizersDoWhatTheReferenceDoes() {
        #expect(Self.apply(.stripAccents, "e\u{301}a") == "ea")
        #expect(Self.apply(.lowercase, "ÀSS\u{130}").utf8.elementsEqual("àssi\u{307}".utf8))
        #expect(Self.apply(.strip(left: true, right: false), " \u{3000}a ") == "a ")
        #expect(Self.apply(.nmt, "a\u{0}b\tc\u{200B}d") == "a\u{0}b c d")
        #expect(Self.apply(.prepend("x"), "") == "")
        let bert = BertNormalizer(cleansText: true, spacesChinese: true, stripsAccents: nil, lowercases: true)
        #expect(Self.apply(.bert(bert), "H\u{e9}\u{0}l\t世") == "hel  世 ")
    }
}

/// Numbers that are the same in every run (SplitMix64).
struct Numbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ value >> 31) % UInt64(max(1, bound)))
    }
}
