import EngineProtocol
import Testing

@Suite struct FrameReaderTests {
    @Test func messagesComeWholeHoweverTheirBytesAreCut() throws {
        let messages: [[UInt8]] = [[], [1], Array(repeating: 7, count: 70_000), [1, 2, 3]]
        let stream = messages.flatMap(FrameReader.frame)
        for size in [1, 3, 4, 5, 4_096, 200_000] {
            var reader = FrameReader()
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: stream.count, by: size) {
                reader.append(stream[start..<min(stream.count, start + size)])
                while let message = try reader.next() { found.append(message) }
            }
            #expect(found == messages, "pieces of \(size)")
        }
    }

    @Test func aMessageThatIsTooLongIsAnErrorBeforeItsBytesCome() {
        var reader = FrameReader()
        reader.append([0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: FrameError.tooLong(0xFFFF_FFFF)) { try reader.next() }
    }
}
