import CZlib
import Datasets
import Foundation
import JSON
import Jobs
import Spool
import Tokenization

extension FuzzTarget {
    private static let dataFolder: String = {
        let path = folder + "/data"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }()

    private static let readers: [DatasetReader] = {
        guard let encoder else { return [] }
        return [
            DatasetOptions(maximumLength: 256), DatasetOptions(trainOn: .completion, maximumLength: 16, onExcess: .truncate),
            DatasetOptions(purpose: .pretraining, trainOn: .all, maximumLength: 8),
            DatasetOptions(trainOn: .all, maximumLength: 32, onExcess: .drop), labelled(LabelOptions()),
            labelled(LabelOptions(names: ["a", "b"], isMultiLabel: true)),
        ].map { DatasetReader(encoder: encoder, options: $0, modelFolder: "", temporaryFolder: dataFolder) }
    }()

    private static func labelled(_ labels: LabelOptions) -> DatasetOptions {
        var options = DatasetOptions(purpose: .classification, trainOn: .all, maximumLength: 64)
        options.labels = labels
        return options
    }

    /// A whole data file, read from the disk as `tala validate` reads it: every format, with
    /// byte-order marks, all line ends, gzip'd or cut. The first byte chooses the name's ending,
    /// how the file is read and whether it is gzip'd before.
    static let dataset = FuzzTarget(
        "dataset",
        seeds: [
            "a{\"messages\": [{\"role\": \"user\", \"content\": \"Tell\"}, {\"role\": \"assistant\", \"content\": \"Once\"}]}\n{\"messages\": []}\r\n\n",
            "b\u{FEFF}[{\"conversations\": [{\"from\": \"human\", \"value\": \"a\"}, {\"from\": \"gpt\", \"value\": \"b\"}]},\n {\"conversations\": null}]",
            "c{\"instruction\": \"a\", \"input\": \"b\", \"output\": \"c\", \"history\": [[\"q\", \"a\"]]}\n",
            "d{\"prompt\": \"a\", \"completion\": \"b\"}\n",
            "eOnce upon a time\nthere was\n\nanother\r\n\r\nend", "f{\"text\": \"a story of a fox\"}\n{\"text\": 5}",
            "g{\"input\": {\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}, \"preferred_output\": [{\"role\": \"assistant\", \"content\": \"y\"}], \"non_preferred_output\": []}",
            "h{\"prompt\": [{\"role\": \"user\", \"content\": \"x\"}], \"chosen\": \"y\", \"rejected\": \"z\"}",
            "i[{\"messages\": [{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": \"{}\"}}]}, {\"role\": \"tool\", \"content\": \"r\", \"tool_call_id\": \"1\"}]}]",
            "p{\"text\": \"a\", \"label\": \"x\"}\n{\"text\": \"b\", \"label\": \"y\"}\n{\"text\": \"c\", \"label\": 1}",
            "t{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"labels\": [\"a\", \"b\"]}\n{\"text\": \"x\", \"labels\": []}",
        ], folders: [("malformed/jsonl", ".jsonl")],
        words: [
            "\"label\"", "\"labels\"",
            "\n", "\r\n", "\r", "[", "]", ",", "\u{FEFF}", "\u{0}", "\"role\"", "\"messages\"", "\"conversations\"", "\"from\"",
            "\"human\"", "\"value\"",
            "\"instruction\"", "\"output\"", "\"prompt\"", "\"completion\"", "\"text\"", "\"chosen\"", "\"rejected\"", "\"weight\": 0",
            "\u{1F}\u{8B}",
            "</s>",
        ], byteLimit: 4096
    ) { bytes in
        guard let choice = bytes.first, let reader = readers.isEmpty ? nil : readers[Int(choice >> 2) % readers.count] else { return nil }
        let endings = [".jsonl", ".json", ".txt", ".jsonl.gz"]
        let ending = endings[Int(choice & 3)]
        var content = Array(bytes.dropFirst())
        // Half of the gzip'd are right, so that what is in them is read.
        if ending == ".jsonl.gz", choice & 0x80 == 0 { content = gzipped(content) }
        let path = dataFolder + "/data" + ending
        _ = FileManager.default.createFile(atPath: path, contents: Data(content))
        guard let (data, report) = try? reader.read(path) else { return "reading threw" }
        if let data {
            guard report.isValid, data.count == report.exampleCount else {
                return "\(data.count) examples, \(report.exampleCount) reported"
            }
            for index in 0..<data.count {
                let example = data.example(index)
                guard example.ids.count == example.isTrained.count, example.ids.count <= report.longestExample else {
                    return "example \(index) is odd"
                }
            }
        } else if report.isValid {
            return "nothing was read, and nothing is said to be wrong"
        }
        _ = (report.text, report.json)
        return nil
    }

    /// gzip's form of some bytes.
    private static func gzipped(_ bytes: [UInt8]) -> [UInt8] {
        // Blocks that are stored, so that no compressor is needed: header, blocks, CRC-32 and
        // length (RFC 1952, RFC 1951).
        var result: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        var rest = bytes[...]
        repeat {
            let part = rest.prefix(1 << 12)
            rest = rest.dropFirst(part.count)
            let (low, high) = (UInt8(part.count & 0xFF), UInt8(part.count >> 8))
            result += [rest.isEmpty ? 1 : 0, low, high, ~low, ~high] + part
        } while !rest.isEmpty
        let checksum = bytes.withUnsafeBufferPointer { crc32(0, $0.baseAddress, UInt32($0.count)) }
        for number in [UInt32(truncatingIfNeeded: checksum), UInt32(bytes.count)] {
            result += (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        return result
    }

    private static let jobFolder: JobFolder = {
        let path = folder + "/ftjob-01"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        _ = FileManager.default.createFile(
            atPath: path + "/manifest.json", contents: Data("{\"model\": \"m\", \"training_file\": \"t\"}".utf8))
        _ = FileManager.default.createFile(
            atPath: path + "/job.json",
            contents: Data(
                JSONWriter().string(
                    JobAcceptance(createdAt: 1, owner: 0, modelPath: nil, trainingPath: "/t", validationPath: nil, initialAdapterPath: nil)
                        .json
                ).utf8))
        return JobFolder(path: path)
    }()

    /// A job's events, from which a lost status is made anew.
    static let events = FuzzTarget(
        "events",
        seeds: [
            "{\"object\": \"fine_tuning.job.event\", \"id\": \"e-1\", \"created_at\": 1, \"level\": \"info\", \"message\": \"Created fine-tuning job: x\", \"data\": null}\n{\"created_at\": 2, \"message\": \"Fine-tuning job failed: it broke\"}\n",
            "{\"created_at\": 9, \"message\": \"Paused\"}\n{\"created_at\": 10, \"mess",
            "{\"message\": \"The job has successfully completed\", \"created_at\": 5}\n\n",
        ], words: ["\"message\"", "\"Fine-tuning job cancelled\"", "\"created_at\"", "\n", "Paused"], byteLimit: 1024
    ) { bytes in
        _ = FileManager.default.createFile(atPath: jobFolder.eventsFile, contents: Data(bytes))
        return (try? jobFolder.rebuiltStatus()) == nil ? "no status was made" : nil
    }
}
