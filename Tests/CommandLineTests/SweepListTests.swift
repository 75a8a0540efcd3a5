import Foundation
import JSON
import Spool
import Storage
import TestSupport
import Testing

/// `tala list --group`: the jobs of a sweep, the best first.
@Suite struct SweepListTests {
    /// Three jobs of one sweep with two evaluations each, one that has none, and a job of its own.
    private static func spool() throws -> CommandSpool {
        let spool = try CommandSpool()
        let losses: [[Double]] = [[1.5, 1.2], [0.9, 1.1], [2, 1.3], []]
        for (index, values) in losses.enumerated() {
            let id = try spool.add(index, values.isEmpty ? "queued" : "succeeded")
            let job = spool.layout.job(id)
            let place = """
                "owner": 0, "sweep": {"group": "sweep-01abc", "index": \(index + 1), "count": 4, \
                "values": {"method.supervised.hyperparameters.learning_rate": \(index + 1)e-4, "adapter.rank": 8}},
                """
            let status = String(decoding: try DurableFiles.read(job.statusFile), as: UTF8.self)
            try DurableFiles.replace(job.statusFile, with: status.replacing("\"owner\": 0,", with: place))
            let header = String(decoding: try DurableFiles.read(job.metricsFile), as: UTF8.self)
            let rows = values.enumerated().map {
                "\($0.offset * 10 + 10),2.0,0.5,,,\($0.element),\(0.1 * Double(index)),0.001,1.0,64,1000\n"
            }
            try DurableFiles.replace(job.metricsFile, with: header + rows.joined())
        }
        try spool.add(9, "succeeded")
        return spool
    }

    private static func ranking(_ arguments: [String], _ spool: CommandSpool) throws -> [(rank: Int?, index: Int, value: Double?)] {
        let outcome = try spool.tala(["list", "--json"] + arguments)
        let node = try JSONParser().parse(Array(outcome.output.utf8))
        #expect(node["group"]?.string == "sweep-01abc" && node["has_more"]?.bool == false, "\(outcome)")
        let places = node["ranking"]?.array ?? []
        #expect(places.map { $0["id"]?.string } == (node["data"]?.array ?? []).map { $0["id"]?.string })
        return places.map { place in
            let rate = place["values"]?["method.supervised.hyperparameters.learning_rate"]?.double ?? 0
            return (place["rank"]?.integer, Int((rate * 1e4).rounded()), place["value"]?.double)
        }
    }

    @Test func theJobsOfAGroupAreRankedByTheLastLoss() throws {
        let spool = try Self.spool()
        defer { spool.remove() }
        let places = try Self.ranking(["--group", "sweep-01abc"], spool)
        #expect(places.map(\.index) == [2, 1, 3, 4] && places.map(\.rank) == [1, 2, 3, nil])
        #expect(places.map(\.value) == [1.1, 1.2, 1.3, nil])
    }

    @Test func aJobThatTakesItsBestEvaluationIsRankedByThat() throws {
        let spool = try Self.spool()
        defer { spool.remove() }
        // The third job's best is better than the last of all others.
        let id = try #require(try FolderListing.names(in: spool.layout.jobs).dropFirst(2).first)
        let job = spool.layout.job(id)
        let metrics = String(decoding: try DurableFiles.read(job.metricsFile), as: UTF8.self)
        try DurableFiles.replace(job.metricsFile, with: metrics.replacing(",2.0,0.2,", with: ",0.5,0.2,"))
        try DurableFiles.replace(
            job.manifestFile, with: "{\"model\": \"m\", \"training_file\": \"t.jsonl\", \"evaluation\": {\"load_best\": true}}")
        #expect(try Self.ranking(["--group", "01abc"], spool).first?.index == 3)
    }

    @Test func anotherFigureRanksByWhatIsBetterForIt() throws {
        let spool = try Self.spool()
        defer { spool.remove() }
        #expect(try Self.ranking(["--group", "sweep-01abc", "--metric", "accuracy"], spool).map(\.index) == [3, 2, 1, 4])
        let unknown = try spool.tala(["list", "--group", "sweep-01abc", "--metric", "beauty"])
        #expect(unknown.status == 2 && unknown.errors.contains("accuracy, loss"), "\(unknown)")
    }

    @Test func theTableShowsWhatWasTriedAndWhatCameOfIt() throws {
        let spool = try Self.spool()
        defer { spool.remove() }
        let outcome = try spool.tala(["list", "--group", "sweep-01abc", "--limit", "1"])
        let lines = outcome.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines.first == ["RANK", "JOB", "STATE", "LEARNING_RATE", "RANK", "LOSS", "STEP"], "\(outcome)")
        #expect(lines.count == 2 && lines[1].dropFirst(2) == ["succeeded", "0.0002", "8", "1.10000", "20"], "\(outcome)")
        #expect(try spool.tala(["list", "--group", "nothing"]).status == 2)
    }

    /// Three of the four jobs have ended: the verbs reach those for which they have a meaning.
    @Test func aVerbIsAskedOfTheJobsOfAGroupForWhichItHasAMeaning() throws {
        let spool = try Self.spool()
        defer { spool.remove() }
        let daemon = try spool.daemon()
        func asked(_ verb: String) throws -> [String] {
            try FolderListing.names(in: spool.layout.control).filter { $0.hasSuffix(".\(verb)") }
        }
        let outcome = try spool.tala(["cancel", "--group", "01abc", "--json"])
        let node = try JSONParser().parse(Array(outcome.output.utf8))
        #expect(outcome.status == 0 && node["group"]?.string == "sweep-01abc" && node["ids"]?.array?.count == 1, "\(outcome)")
        #expect(try asked("cancel").count == 1)
        #expect(try spool.tala(["delete", "--group", "01abc"]).status == 0)
        #expect(try asked("delete").count == 3)
        let none = try spool.tala(["resume", "--group", "01abc"])
        #expect(none.status == 1 && none.errors.contains("4 jobs"), "\(none)")
        #expect(try asked("resume").isEmpty)
        #expect(try spool.tala(["pause"]).errors.contains("--group"))
        #expect(try spool.tala(["pause", "x", "--group", "y"]).status == 2)
        withExtendedLifetime(daemon) {}
    }
}
