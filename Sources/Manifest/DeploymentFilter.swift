import JSON

extension Deployment {
    /// What a deployment does not take as a question, and does not give as an answer.
    package struct Filter: Sendable, Hashable {
        package enum Mode: String, Sendable, Hashable, CaseIterable {
            case off
            /// What is found is said beside the answer, and nothing is held back.
            case annotate
            case block
        }
        package enum Streaming: String, Sendable, Hashable, CaseIterable {
            /// Pieces of an answer are held back until they have been checked.
            case buffered
            /// Pieces go out at once; what is found ends the answer a little later.
            case asynchronous
        }
        package enum OnError: String, Sendable, Hashable, CaseIterable { case block, pass }
        /// From which severity on a category is filtered.
        package enum Threshold: String, Sendable, Hashable, CaseIterable { case low, medium, high, off }

        package var mode = Mode.block
        /// Names of lists in `filters/`.
        package var blockLists: [String] = []
        /// A finished classification job, or a name in `models/`.
        package var model: String?
        /// By category; what is not named has the threshold medium.
        package var prompt: [String: Threshold] = [:]
        package var completion: [String: Threshold] = [:]
        package var streaming = Streaming.buffered
        package var onError = OnError.block
        /// Whether what was filtered is written into the log: texts are not, unless this says so.
        package var logsText = false

        package init() {}

        init(_ section: ManifestSection) throws(ManifestError) {
            mode = try section.value("mode", .word) ?? mode
            blockLists = try section.value("block_lists", .texts(limit: 64)) ?? []
            for name in blockLists where !Deployment.isName(name) {
                throw section.failure("block_lists", "\"\(name)\" is no name of a list in filters/")
            }
            model = try section.value("model", .text(limit: 1024))
            streaming = try section.value("streaming", .word) ?? streaming
            onError = try section.value("on_error", .word) ?? onError
            logsText = try section.value("log_text", .flag) ?? false
            prompt = try Self.thresholds(section, "prompt")
            completion = try Self.thresholds(section, "completion")
            guard mode == .off || !blockLists.isEmpty || model != nil else {
                throw section.failure("mode", "\(mode.rawValue) has nothing to go by: name block_lists, a model, or both")
            }
        }

        private static func thresholds(_ section: ManifestSection, _ key: String) throws(ManifestError) -> [String: Threshold] {
            guard let pairs = try section.value(key, .pairs(count: 64, keyLimit: 64, valueLimit: 16)) else { return [:] }
            var found: [String: Threshold] = [:]
            for (category, word) in pairs {
                guard let threshold = Threshold(rawValue: word) else {
                    throw section.failure(key, "\(category) is \"\(word)\", but must be low, medium, high or off")
                }
                found[category] = threshold
            }
            return found
        }

        static let keys = ["mode", "block_lists", "model", "prompt", "completion", "streaming", "on_error", "log_text"]

        var json: JSONNode {
            func node(_ thresholds: [String: Threshold]) -> JSONNode {
                JSONNode(thresholds.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value.rawValue)) })
            }
            return [
                "mode": JSONNode(mode.rawValue), "block_lists": JSONNode(blockLists.map { JSONNode($0) }),
                "model": model.map { JSONNode($0) } ?? .null, "prompt": node(prompt), "completion": node(completion),
                "streaming": JSONNode(streaming.rawValue), "on_error": JSONNode(onError.rawValue), "log_text": JSONNode(logsText),
            ]
        }
    }
}
