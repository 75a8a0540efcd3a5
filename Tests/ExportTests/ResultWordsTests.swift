import GGUF
import Manifest
import Testing

@testable import Export
@testable import GGUFModels

/// What a manifest may say of a result is what can be written.
@Suite struct ResultWordsTests {
    @Test func everyWordOfAManifestIsAFormatThatIsWritten() {
        let formats = ResultFormats.all
        for word in Manifest.Result.Format.allCases {
            #expect(formats.contains { $0.name == word.rawValue }, "\(word)")
        }
        // What is written without a word needs none.
        for format in formats where format.occasion == .onRequest {
            #expect(Manifest.Result.Format(rawValue: format.name) != nil, "\(format.name)")
        }
    }

    @Test func everyTypeOfAFileHasItsWord() {
        #expect(Set(Manifest.Result.GGUFType.allCases.map(\.rawValue)) == Set(GGUFMix.allCases.map(\.rawValue)))
    }
}
