import CommandLineTools
import Hub
import JSON
import Models

/// What can be said of a model by its small files and the headers of its weights, and where it came
/// from.
struct ModelSummary {
    let name: String
    let path: String
    let source: ModelSource?
    private let facts: ModelFacts

    var obstacle: String? { facts.obstacle }
    var licence: String? { source?.licence ?? facts.licence }

    /// - Parameter path: the model's folder.
    init(name: String, path: String) {
        self.name = name
        self.path = path
        source = ModelSource(folder: path)
        facts = ModelFacts(path: path)
    }

    var json: JSONNode {
        let found = facts.members.map { $0.key == "licence" ? JSONMember("licence", licence.map { JSONNode($0) } ?? .null) : $0 }
        return JSONNode(
            [JSONMember("name", JSONNode(name)), JSONMember("path", JSONNode(path))] + found
                + [JSONMember("source", source?.json ?? .null)])
    }

    static let columns = ["NAME", "ARCHITECTURE", "PARAMETERS", "TYPE", "SIZE", "CONTEXT", "LICENCE", "TRAINABLE"]

    var cells: [String] {
        [
            name, facts.architecture ?? "-", facts.parameters.map(Self.short) ?? "-", facts.type ?? "-",
            facts.byteCount.map(DownloadLine.size) ?? "-", facts.context.map { "\($0)" } ?? "-", licence ?? "-",
            facts.obstacle.map { "no: \($0)" } ?? "yes",
        ]
    }

    /// A number of parameters as people say it: 135 M, 3.8 B.
    static func short(_ count: Int) -> String {
        for (unit, size) in [("B", 1e9), ("M", 1e6), ("K", 1e3)] where Double(count) >= size {
            let share = Double(count) / size
            return Terminal.decimal(share, share < 10 ? 1 : 0) + " " + unit
        }
        return "\(count)"
    }
}
