import JSON
import ServingAPI
import Testing

@Suite struct EmbeddingsTests {
    private static func read(_ text: String) throws -> EmbeddingsRequest { try EmbeddingsRequest(try JSONParser().parse(text)) }

    @Test func inputsAreTextsOrTokens() throws {
        #expect(try Self.read(#"{"model": "m", "input": "a"}"#).prompts.count == 1)
        #expect(try Self.read(#"{"model": "m", "input": ["a", "b"]}"#).prompts.map { $0["text"]?.string } == ["a", "b"])
        #expect(try Self.read(#"{"model": "m", "input": [1, 2]}"#).prompts.map { $0["ids"]?.array?.count } == [2])
        #expect(try Self.read(#"{"model": "m", "input": [[1], [2, 3]], "pooling": "last"}"#).prompts.count == 2)
        for text in [
            #"{"input": "a"}"#, #"{"model": "m"}"#, #"{"model": "m", "input": ""}"#, #"{"model": "m", "input": []}"#,
            #"{"model": "m", "input": ["a", 1]}"#,
            #"{"model": "m", "input": "a", "encoding_format": "hex"}"#, #"{"model": "m", "input": "a", "dimensions": 0}"#,
            #"{"model": "m", "input": "a", "pooling": "max"}"#,
            #"{"model": "m", "input": "a", "more": 1}"#,
        ] { #expect(throws: APIError.self, "\(text)") { try Self.read(text) } }
    }

    @Test func vectorsAreNumbersOrBase64AndCanBeCut() throws {
        let vectors: [[Float]] = [[0.6, 0.8, 0], [1, 0, 0]]
        let plain = try Self.read(#"{"model": "m", "input": ["a", "b"]}"#).answer(vectors, promptTokens: 5)
        #expect(
            plain["data"]?.array?[0]["embedding"]?.array?.compactMap(\.double).count == 3 && plain["usage"]?["total_tokens"]?.integer == 5)
        let coded = try Self.read(#"{"model": "m", "input": "a", "encoding_format": "base64"}"#).answer([[1, -2]], promptTokens: 1)
        // 00 00 80 3f 00 00 00 c0
        #expect(coded["data"]?.array?[0]["embedding"]?.string == "AACAPwAAAMA=")
        let cut = try Self.read(#"{"model": "m", "input": ["a", "b"], "dimensions": 1}"#).answer(vectors, promptTokens: 5)
        #expect(cut["data"]?.array?[0]["embedding"]?.array?.compactMap(\.double) == [1])
        #expect(throws: APIError.self) { try Self.read(#"{"model": "m", "input": "a", "dimensions": 4}"#).answer(vectors, promptTokens: 5) }
    }
}
