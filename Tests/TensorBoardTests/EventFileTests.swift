import Foundation
import Storage
import Testing

@testable import TensorBoard

@Suite struct EventFileTests {
    private static func hexadecimal(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

    /// RFC 3720, appendix B.4.
    @Test func checksumsAreThoseOfTheStandard() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 255, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
    }

    /// Recorded from the writer of the package tensorboard, 2.21.0.
    @Test func recordsAreThoseOfTensorBoardsOwnWriter() {
        let events = [
            ScalarEvent.fileVersion(at: 1.5), ScalarEvent.restart(at: 1.5),
            ScalarEvent.scalars(step: 300, [("train/loss", 0.25), ("eval/loss", 300.125)], at: 1_700_000_000.25),
        ]
        #expect(
            Self.hexadecimal(events.flatMap(RecordFile.framed))
                == "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"
                + "0d000000000000003c37b83409000000000000f83f3a020801b718825c"
                + "33000000000000000ca720560900001040fc54d94110ac022a250a110a0a747261696e2f6c6f7373150000803e"
                + "0a100a096576616c2f6c6f73731500109643ad1e2150")
        #expect(events.map { ScalarEvent.step(of: $0) } == [nil, nil, 300])
    }

    private final class Scratch {
        let path = NSTemporaryDirectory() + "tala-events-\(UUID().uuidString)"
        deinit { FolderListing.delete(path) }

        var names: [String] { (try? FolderListing.names(in: path)) ?? [] }
        var bytes: [UInt8] { names.last.flatMap { try? DurableFiles.read(path + "/" + $0) } ?? [] }
        var steps: [Int] { RecordFile.records(bytes).compactMap { ScalarEvent.step(of: $0) } }
    }

    private static func write(_ scratch: Scratch, keeping step: Int, _ steps: ClosedRange<Int>, at time: Double) throws {
        let file = try EventFile(scratch.path, name: "job", keepingThrough: step, at: time)
        for step in steps { try file.append(step: step, [("train/loss", 1 / Double(step))], at: time + Double(step)) }
    }

    @Test func aRunThatIsTakenUpHasEachStepOnceInOneFile() throws {
        let scratch = Scratch()
        try Self.write(scratch, keeping: 0, 1...7, at: 1_700_000_000)
        #expect(scratch.names == ["events.out.tfevents.1700000000.job"] && scratch.steps == Array(1...7))
        let firstThree = RecordFile.records(scratch.bytes)[1...3]
        try Self.write(scratch, keeping: 3, 4...9, at: 1_700_000_500)
        #expect(scratch.names == ["events.out.tfevents.1700000500.job"] && scratch.steps == Array(1...9))
        // What is kept has the times of then; the reader is told to begin anew.
        let records = RecordFile.records(scratch.bytes)
        #expect(records[1] == ScalarEvent.restart(at: 1_700_000_500) && Array(records[2...4]) == Array(firstThree))
    }

    @Test func namesRiseEvenWhereTheClockGoesBack() throws {
        let scratch = Scratch()
        try Self.write(scratch, keeping: 0, 1...2, at: 1_700_000_000)
        try Self.write(scratch, keeping: 2, 3...4, at: 1_600_000_000)
        #expect(scratch.names == ["events.out.tfevents.1700000001.job"] && scratch.steps == [1, 2, 3, 4])
    }

    @Test func aRecordThatACrashCutOffIsNotRead() throws {
        let whole = RecordFile.framed(Array("one".utf8)) + RecordFile.framed(Array("two".utf8))
        for count in 0...whole.count {
            let expected = count == whole.count ? 2 : count >= 19 ? 1 : 0
            #expect(RecordFile.records(Array(whole.prefix(count))).count == expected, "\(count)")
        }
        for index in whole.indices {
            var damaged = whole
            damaged[index] ^= 0x10
            #expect(RecordFile.records(damaged).count < 2, "\(index)")
        }
    }

    @Test func messagesOfStrangersEndInNil() {
        var state: UInt64 = 5
        for _ in 0..<5000 {
            var bytes: [UInt8] = []
            for _ in 0..<20 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(UInt8(truncatingIfNeeded: state >> 56))
            }
            _ = ScalarEvent.step(of: bytes)
        }
        #expect(WireMessage.fields([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]) == nil)
        #expect(WireMessage.fields([0xFF]) == nil)
    }
}
