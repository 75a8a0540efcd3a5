import Devices
import Graph
import Models
import Preparation
import Ranks
import Training

/// What a rank says once it has prepared a job: what it would compute with, or why it cannot.
struct RankReply: Hashable {
    /// What must be the same everywhere, by name.
    private(set) var facts: [[String]] = []
    private(set) var trouble = ""

    init(_ job: PreparedJob) {
        facts = Devices.identity(of: job.device).map { [$0.0, $0.1] }
        facts.append(["precision", job.precision])
        facts.append(["plan", "\(job.plan.choice)"])
        facts.append(["trained parameters", "\(job.model.trainables.elementCount)"])
    }

    init(_ error: any Error) { trouble = "\(error)" }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.add(trouble)
        writer.add(facts.count)
        for fact in facts { for word in fact { writer.add(word) } }
        return writer.bytes
    }

    /// - Returns: nil if the bytes are none of ``bytes``.
    init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard let trouble = reader.text(), let count = reader.integer(), count >= 0 else { return nil }
        self.trouble = trouble
        for _ in 0..<count {
            guard let name = reader.text(), let value = reader.text() else { return nil }
            facts.append([name, value])
        }
    }

    /// What of another rank keeps it from working with this one; nil if nothing does.
    func objection(to other: RankReply) -> String? {
        if !other.trouble.isEmpty { return other.trouble }
        for (own, others) in zip(facts, other.facts) where own != others {
            return "its \(own.first ?? "") is \(others.last ?? ""), that of rank 0 \(own.last ?? "")"
        }
        return facts.count == other.facts.count ? nil : "it is of another version"
    }
}
