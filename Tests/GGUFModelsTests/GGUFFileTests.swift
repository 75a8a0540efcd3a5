import Basics
import Foundation
import JSON
import Storage
import TestSupport
import Testing

@testable import GGUFModels

@Suite struct GGUFFileTests {
    /// Reads bytes that lie exactly as long in memory as they are: what looks behind them is found
    /// by the sanitizer.
    private static func fault(_ bytes: [UInt8]) -> GGUFFault? {
        let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 8)
        defer { exact.deallocate() }
        exact.copyBytes(from: bytes)
        do throws(GGUFFault) {
            _ = try GGUFFile(path: "m.gguf", bytes: UnsafeRawBufferPointer(rebasing: exact[..<bytes.count]))
            return nil
        } catch { return error }
    }

    private static func file(_ bytes: GGUFBytes) throws -> (GGUFFile, String) {
        let path = NSTemporaryDirectory() + "tala-gguf-\(UUID().uuidString).gguf"
        try Data(bytes.bytes).write(to: URL(fileURLWithPath: path))
        return (try GGUFFile(path: path), path)
    }

    @Test func valuesOfEveryKindAreRead() throws {
        let (file, path) = try Self.file(.small)
        defer { FolderListing.delete(path) }
        #expect(file.version == 3)
        let metadata = file.metadata
        #expect(metadata.keys == GGUFBytes.small.keys.map(\.0))
        #expect(try metadata.text("general.architecture") == "llama")
        #expect(try metadata.integer("llama.block_count", in: 1...10) == 2)
        #expect(try metadata.number("llama.rope.freq_base") == 10_000)
        #expect(try metadata.flag("x.flag") == true)
        #expect(try metadata.texts("x.words") == ["a", "", "\u{2581}b"])
        #expect(try metadata.floats("x.scores") == [0, -1.5])
        #expect(try metadata.integers("x.types") == [1, -3])
        #expect(try metadata.integer("x.byte", in: 0...255) == 200)
        #expect(try metadata.integer("x.small", in: -1...0) == -1)
        #expect(try metadata.integer("x.long", in: 0...Int.max) == 1 << 40)
        #expect(try metadata.number("x.double") == 0.25)
        #expect(try metadata.integerOfAllLayers("x.heads", in: 1...8) == 4)
        #expect(try metadata.text("none") == nil)
        let tensors = file.tensors
        #expect(tensors.map(\.shape) == [[3, 2], [2, 32]])
        #expect(tensors.map(\.type.name) == ["F32", "Q8_0"])
        let bytes = try #require(file.file).bytes
        #expect(Array(bytes[tensors[0].place]) == (0..<24).map { UInt8($0) })
        #expect(Array(bytes[tensors[1].place]) == [UInt8](repeating: 1, count: 68))
    }

    @Test func aValueOfAnotherKindIsSaidToBeOne() throws {
        let (file, path) = try Self.file(.small)
        defer { FolderListing.delete(path) }
        func message(_ body: () throws -> Void) -> String {
            do { try body() } catch { return "\(error)" }
            return "nothing"
        }
        #expect(message { _ = try file.metadata.text("x.flag") }.hasSuffix("x.flag: is true or false; wanted is a string"))
        #expect(
            message { _ = try file.metadata.integers("x.scores") }.hasSuffix(
                "x.scores: is an array of 2 elements, each a number with a fraction; wanted is an array of whole numbers of 32 bits"))
        #expect(message { _ = try file.metadata.integer("llama.block_count", in: 5...9) }.hasSuffix("2 is out of range: 5 to 9"))
        #expect(message { _ = try file.metadata.integerOfAllLayers("x.mixed", in: 1...9) }.contains("differs from layer to layer"))
    }

    /// What is made wrong, and what the message then says.
    private static let damages: [(String, @Sendable (inout GGUFBytes) -> Void, String)] = [
        ("magic", { $0.magic = Array("GGUX".utf8) }, "does not begin with GGUF"),
        ("older", { $0.magic = Array("ggjt".utf8) }, "of a format before GGUF"),
        ("version 1", { $0.version = 1 }, "version: is 1"),
        ("version 4", { $0.version = 4 }, "version: is 4"),
        ("big-endian", { $0.version = UInt32(3).byteSwapped }, "big-endian"),
        ("tensors", { $0.tensorCount = 1 << 61 }, "tensor_count: claims"),
        ("keys", { $0.keyCount = 1 << 61 }, "metadata_kv_count: claims"),
        ("one key more", { $0.keyCount = UInt64($0.keys.count) + 1 }, "tensor 1 of 2: claims"),
        ("empty key", { $0.keys.append(("", .uint32(1))) }, "key 15 of 15: is empty"),
        ("long key", { $0.keys.append((String(repeating: "k", count: 65536), .uint32(1))) }, "has 65536 bytes; 65535 are allowed"),
        ("key twice", { $0.keys.append(("x.flag", .bool(0))) }, "x.flag: stands twice"),
        ("kind", { $0.keys.append(("x.odd", .raw(kind: 13, [0]))) }, "x.odd: has a value of type 13"),
        ("flag", { $0.keys.append(("x.odd", .bool(2))) }, "x.odd: is neither true (1) nor false (0)"),
        (
            "nested", { $0.keys.append(("x.deep", .raw(kind: 9, GGUFBytes.little(UInt32(9)) + GGUFBytes.little(UInt64(1))))) },
            "x.deep: is an array of arrays"
        ),
        (
            "array", { $0.keys.append(("x.odd", .raw(kind: 9, GGUFBytes.little(UInt32(6)) + GGUFBytes.little(UInt64(1) << 62)))) },
            "x.odd: claims 4611686018427387904 elements"
        ),
        (
            "strings", { $0.keys.append(("x.odd", .raw(kind: 9, GGUFBytes.little(UInt32(8)) + GGUFBytes.little(UInt64(1) << 30)))) },
            "x.odd: claims 1073741824 elements"
        ),
        (
            "string", { $0.keys.append(("x.odd", .raw(kind: 8, GGUFBytes.little(UInt64.max)))) },
            "x.odd: claims 18446744073709551615 bytes of text"
        ),
        ("alignment 0", { $0.keys.append(("general.alignment", .uint32(0))) }, "general.alignment: 0 is out of range"),
        ("alignment 24", { $0.keys.append(("general.alignment", .uint32(24))) }, "general.alignment: 24 is no power of two"),
        ("alignment huge", { $0.keys.append(("general.alignment", .uint32(1 << 31))) }, "general.alignment: 2147483648 is out of range"),
        ("alignment text", { $0.keys.append(("general.alignment", .string("32"))) }, "general.alignment: is a string"),
        ("no dimension", { $0.tensors[0].sizes = [] }, "a.weight: has 0 dimensions"),
        ("five dimensions", { $0.tensors[0].sizes = [1, 1, 1, 2, 3] }, "a.weight: has 5 dimensions"),
        ("dimension 0", { $0.tensors[0].sizes = [0, 3] }, "a.weight: has a dimension of 0"),
        ("dimension 2^63", { $0.tensors[0].sizes = [1 << 63, 3] }, "a.weight: has a dimension of 9223372036854775808"),
        ("product", { $0.tensors[0].sizes = [1 << 32, 1 << 32] }, "a.weight: has more elements than can be counted"),
        ("bytes", { $0.tensors[0].sizes = [1 << 31, 1 << 31] }, "a.weight: has more bytes than can be counted"),
        ("row", { $0.tensors[1].sizes = [33, 2] }, "b.weight: has rows of 33 elements"),
        ("removed", { $0.tensors[0].type = 4 }, "a.weight: its type 4 (Q4_2) was removed"),
        ("internal", { $0.tensors[0].type = 9 }, "a.weight: its type 9 (Q8_1) is for numbers in memory"),
        ("unknown", { $0.tensors[0].type = 9999 }, "a.weight: its type 9999 is not known"),
        ("name twice", { $0.tensors[1].name = "a.weight" }, "a.weight: stands twice"),
        ("name of 64", { $0.tensors[0].name = String(repeating: "n", count: 64) }, "tensor 1 of 2: has 64 bytes; 63 are allowed"),
        ("unaligned", { $0.tensors[1].offset = 40 }, "b.weight: begins at the offset 40"),
        ("outside", { $0.tensors[1].offset = 1 << 40 }, "b.weight: takes 68 bytes from offset 1099511627776 on"),
        ("wrapping", { $0.tensors[1].offset = UInt64.max - 31 }, "b.weight: begins at the offset 18446744073709551584"),
        ("overlap", { $0.tensors[1].offset = 0 }, "shares its bytes with another tensor"),
    ]

    @Test func whatIsWrongIsNamed() {
        #expect(Self.fault(GGUFBytes.small.bytes) == nil)
        for (name, damage, words) in Self.damages {
            var file = GGUFBytes.small
            damage(&file)
            let fault = Self.fault(file.bytes)
            #expect(fault?.description.contains(words) == true, "\(name): \(fault?.description ?? "is taken")")
            #expect(fault?.description.hasPrefix("m.gguf: ") != false)
        }
    }

    @Test func aGapOrAnotherAlignmentIsTaken() {
        var file = GGUFBytes.small
        file.alignment = 64
        file.keys.append(("general.alignment", .uint32(64)))
        #expect(Self.fault(file.bytes) == nil)
        file = GGUFBytes.small
        file.tensors[0].bytes += [UInt8](repeating: 9, count: 64)
        #expect(Self.fault(file.bytes) == nil)
        file.version = 2
        #expect(Self.fault(file.bytes) == nil)
    }

    @Test func aFileCutAnywhereIsRefused() {
        let bytes = GGUFBytes.small.bytes
        // What pads the last tensor may be missing.
        let padding = 96 - 68
        for count in 0..<(bytes.count - padding) { #expect(Self.fault(Array(bytes[..<count])) != nil, "\(count) bytes of \(bytes.count)") }
        #expect(Self.fault(Array(bytes.dropLast(padding))) == nil)
    }

    @Test func randomChangesDoNotTrap() {
        var random = SplitMix64(seed: 20_261_130)
        let bytes = GGUFBytes.small.bytes
        var refused = 0
        for _ in 0..<20_000 {
            var changed = bytes
            for _ in 0...Int(random.next() % 4) {
                let place = Int(random.next() % UInt64(changed.count))
                changed[place] =
                    random.next() % 2 == 0 ? UInt8(truncatingIfNeeded: random.next()) : changed[place] ^ 1 << UInt8(random.next() % 8)
            }
            if Self.fault(changed) != nil { refused += 1 }
        }
        #expect(refused > 1000 && refused < 20_000)
    }

    @Test func whatATerminalWouldObeyIsNotRepeated() {
        var file = GGUFBytes.small
        file.keys.append(("x\u{1B}[31m\u{7}", .raw(kind: 13, [])))
        let fault = Self.fault(file.bytes)
        #expect(fault?.description.contains("\u{1B}") == false && fault?.description.contains("[31m") == true)
    }

    // MARK: The reference's files

    private static let folder = ReferenceSet.shared.path("gguf")
    private static let hasReference = ReferenceSet.available.contains(.shared)
    private static func names(_ folder: String) -> [String] {
        hasReference ? ((try? FileManager.default.contentsOfDirectory(atPath: Self.folder + "/" + folder)) ?? []).sorted() : []
    }
    /// What a file's head says well and a model cannot mean.
    private static let ofMeaning: Set<String> = [
        "adapter-as-model", "architecture-number", "architecture-unknown", "blocks-huge", "eos-outside", "heads-zero", "nan-scale",
        "no-architecture", "scores-short", "shape-other", "shard-alone", "template-broken", "tensor-missing", "token-types-bytes",
        "vocabulary-larger",
    ]

    @Test(.enabled(if: hasReference, "../shared/golden is not there"), arguments: names("malformed"))
    func aFileIsRefusedAsTheReferenceSays(name: String) throws {
        let expected = try JSONParser().parse(
            [UInt8](Data(contentsOf: URL(fileURLWithPath: Self.folder + "/malformed/\(name)/expect.json"))))
        let isRefused = expected["verdict"]?.string == "reject" && !Self.ofMeaning.contains(name)
        do throws(GGUFFault) {
            _ = try GGUFFile(path: Self.folder + "/malformed/\(name)/model.gguf")
            #expect(!isRefused, "\(expected["why"]?.string ?? "")")
        } catch {
            #expect(isRefused, "\(error)")
            if let field = expected["field"]?.string { #expect(error.field == field, "\(error)") }
        }
    }

    @Test(.enabled(if: hasReference, "../shared/golden is not there"), arguments: names("models"))
    func aModelOfLlamaCppsConverterIsRead(name: String) throws {
        let file = try GGUFFile(path: Self.folder + "/models/" + name)
        #expect(try file.metadata.text("general.type") == "model")
        let architecture = try #require(try file.metadata.text("general.architecture"))
        let layers = try #require(try file.metadata.integer(architecture + ".block_count", in: 1...100))
        #expect(Set(file.tensors.compactMap { $0.name.hasPrefix("blk.") ? $0.name.split(separator: ".")[1] : nil }).count == layers)
        #expect(try file.metadata.texts("tokenizer.ggml.tokens")?.count == file.tensors.first { $0.name == "token_embd.weight" }?.shape[0])
    }
}
