import JSON
import ServingAPI
import Testing

@Suite struct UploadsTests {
    private static func error(_ body: String) -> APIError? {
        do throws(APIError) {
            _ = try UploadRequest((try? JSONParser().parse(body)) ?? .null, limit: 1_000)
            return nil
        } catch { return error }
    }

    @Test func anUploadSaysWhatIsToCome() throws {
        let body = #"{"filename": "../../a\\b.jsonl", "purpose": "fine-tune", "bytes": 1000, "mime_type": "text/jsonl", "#
        let more = #""expires_after": {"anchor": "created_at", "seconds": 3600}}"#
        let request = try UploadRequest(try JSONParser().parse(body + more), limit: 1_000)
        #expect(request.filename == "b.jsonl" && request.bytes == 1_000 && request.expiresAfter == 3_600)
        for (wrong, parameter) in [
            (#"{"purpose": "fine-tune", "bytes": 1}"#, "filename"), (#"{"filename": "a", "bytes": 1}"#, "purpose"),
            (#"{"filename": "a", "purpose": "fine-tune"}"#, "bytes"), (#"{"filename": "a", "purpose": "p", "bytes": 1001}"#, "bytes"),
            (#"{"filename": "a", "purpose": "p", "bytes": 0}"#, "bytes"), (#"{"filename": "a", "purpose": "p", "bytes": 1e300}"#, "bytes"),
            (#"{"filename": "a", "purpose": "p", "bytes": 1, "x": 1}"#, "x"),
            (#"{"filename": "a", "purpose": "p", "bytes": 1, "expires_after": {"anchor": "now", "seconds": 3600}}"#, "expires_after"),
            (#"{"filename": "a", "purpose": "p", "bytes": 1, "expires_after": {}}"#, "expires_after"),
        ] { #expect(Self.error(wrong)?.parameter == parameter, "\(wrong)") }
    }

    @Test func partsAreNamedOnceEach() throws {
        #expect(try UploadRequest.parts(["part_ids": ["b", "a"]]) == ["b", "a"])
        let wrong: [JSONNode] = [
            [:], ["part_ids": []], ["part_ids": "a"], ["part_ids": ["a", "a"]], ["part_ids": ["a", 5]], ["part_ids": ["a"], "x": 1],
        ]
        for body in wrong {
            #expect(throws: APIError.self) { try UploadRequest.parts(body) }
        }
    }

    @Test func textsAreJudgedOneByOneAndPartsTogether() throws {
        #expect(try ModerationRequest(["input": "a"]).texts == ["a"])
        #expect(try ModerationRequest(["model": "m", "input": ["a", ""]]).texts == ["a", ""])
        #expect(try ModerationRequest(["input": [["type": "text", "text": "a"], ["type": "text", "text": "b"]]]).texts == ["a\nb"])
        let wrong: [JSONNode] = [
            [:], ["input": []], ["input": 5], ["input": [5]],
            ["input": [["type": "image_url", "image_url": ["url": "http://localhost/x"]]]],
            ["input": "a", "x": 1], ["input": "a", "model": 5], ["input": JSONNode((0..<2_049).map { _ in "a" })],
        ]
        for body in wrong {
            #expect(throws: APIError.self) { try ModerationRequest(body) }
        }
    }
}
