import JSON
import TestSupport
import Testing

@testable import Tokenization

@Suite struct ReferenceTokenizerTests {
    @Test(arguments: ReferenceItem.all("tokenizers")) func everyTextIsEncodedAsTheReferenceDoes(item: ReferenceItem) throws {
        let tokenizer = try Tokenizer(folder: item.path)
        let cases = try item.json("cases.json")
        var wrong = 0
        for item in cases["encode"]?.array ?? [] {
            let text = item["text"]?.string ?? ""
            let expected = item["ids"]?.array?.compactMap(\.integer) ?? []
            let bare = item["ids_no_special"]?.array?.compactMap(\.integer) ?? expected
            for (wanted, special) in [(expected, true), (bare, false)] {
                let found = tokenizer.encode(text, addSpecialTokens: special).map(Int.init)
                if found != wanted {
                    wrong += 1
                    if wrong < 6 {
                        Issue.record("\(text.debugDescription.prefix(80)): \(found.prefix(20)) instead of \(wanted.prefix(20))")
                    }
                }
            }
            let ids = expected.map { Int32($0) }
            #expect(tokenizer.decode(ids, skipSpecialTokens: false) == item["decoded"]?.string)
            #expect(tokenizer.decode(ids, skipSpecialTokens: true) == item["decoded_skip_special"]?.string)
        }
        #expect(wrong == 0)
        for item in cases["decode"]?.array ?? [] {
            let ids = item["ids"]?.array?.compactMap { $0.integer.map { Int32(truncatingIfNeeded: $0) } } ?? []
            #expect(tokenizer.decode(ids, skipSpecialTokens: false) == item["decoded"]?.string)
            #expect(tokenizer.decode(ids, skipSpecialTokens: true) == item["decoded_skip_special"]?.string)
        }
    }
}
