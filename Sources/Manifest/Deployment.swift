package import JSON

/// What is served under a name, and with how much of the machine: a file of `deployments/`.
package struct Deployment: Sendable, Hashable {
    package enum CacheType: String, Sendable, Hashable, CaseIterable {
        case float32, float16
    }
    /// In force where a request is silent.
    package struct Defaults: Sendable, Hashable {
        package var temperature: Double?
        package var topP: Double?
        package var maximumTokens: Int?
        /// A system message for conversations that have none.
        package var system: String?

        package init() {}
    }

    /// A finished job, one of its checkpoints (`ftjob-…:step-000120`), or a name in `models/`.
    package var model: String
    package var device = "auto"
    package var baseWeights = BaseWeights.stored
    /// Tokens of a prompt and its answer.
    package var contextLength = 2048
    /// Answers that are written at the same time.
    package var slots = 8
    /// Bytes of keys and values; nil: what all slots need at their longest.
    package var cacheBytes: Int?
    package var cacheType = CacheType.float32
    package var defaults = Defaults()
    /// Requests that wait at most.
    package var queue = 64
    /// Requests, and tokens of prompts and answers, that are taken in a minute; nil: no limit.
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    package var idle = Idle()
    /// Nil: nothing is filtered.
    package var filter: Filter?
    /// Whether examples of the job are computed again before the first request is answered.
    package var replays = true

    /// Whether a word may be a deployment's name: what stands in a path must be nothing else.
    package static func isName(_ word: some StringProtocol) -> Bool {
        let bytes = word.utf8
        guard let first = bytes.first, bytes.count <= 64, first != UInt8(ascii: "."), first != UInt8(ascii: "-") else { return false }
        return bytes.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "._-".utf8.contains(byte)
        } && !word.hasPrefix("ftjob-")
    }

    /// Reads a deployment's text.
    /// - Throws: ``ManifestError`` with the key, its place and what would be right.
    package init(_ text: ManifestText) throws(ManifestError) {
        let root = ManifestSection(node: text.root, path: "", text: text)
        try root.allow([
            "model", "device", "base_weights", "context_length", "slots", "cache", "defaults", "limits", "idle", "filter", "replay",
        ])
        model = try root.required("model", .text(limit: 1024))
        device = try root.value("device", .device) ?? device
        baseWeights = try root.value("base_weights", .word) ?? baseWeights
        contextLength = try root.value("context_length", .integer(1...(1 << 24))) ?? contextLength
        slots = try root.value("slots", .integer(1...64)) ?? slots
        if let cache = try root.section("cache", ["memory", "type"]) {
            cacheBytes = try cache.value("memory", .byteCount)
            cacheType = try cache.value("type", .word) ?? cacheType
        }
        if let section = try root.section("defaults", ["temperature", "top_p", "max_tokens", "system"]) {
            defaults.temperature = try section.value("temperature", .number(0...2))
            defaults.topP = try section.value("top_p", .number(0...1))
            defaults.maximumTokens = try section.value("max_tokens", .integer(1...(1 << 24)))
            defaults.system = try section.value("system", .text(limit: 1 << 16))
        }
        if let section = try root.section("idle", ["unload_after"]) { idle = try Idle(section) }
        if let section = try root.section("filter", Filter.keys) { filter = try Filter(section) }
        replays = try root.value("replay", .flag) ?? replays
        if let limits = try root.section("limits", ["queue", "requests_per_minute", "tokens_per_minute"]) {
            queue = try limits.value("queue", .integer(1...65_536)) ?? queue
            requestsPerMinute = try limits.value("requests_per_minute", .integer(1...1_000_000_000))
            tokensPerMinute = try limits.value("tokens_per_minute", .integer(1...1_000_000_000))
        }
    }

    /// The settings as the front reads them, every default filled in.
    package var json: JSONNode {
        var members: [JSONMember] = [
            JSONMember("model", JSONNode(model)), JSONMember("device", JSONNode(device)),
            JSONMember("base_weights", JSONNode(baseWeights.rawValue)), JSONMember("context_length", JSONNode(contextLength)),
            JSONMember("slots", JSONNode(slots)), JSONMember("cache_type", JSONNode(cacheType.rawValue)),
            JSONMember("queue", JSONNode(queue)),
        ]
        if let requestsPerMinute { members.append(JSONMember("requests_per_minute", JSONNode(requestsPerMinute))) }
        if let tokensPerMinute { members.append(JSONMember("tokens_per_minute", JSONNode(tokensPerMinute))) }
        if let cacheBytes { members.append(JSONMember("cache_memory", JSONNode(cacheBytes))) }
        if let seconds = idle.unloadAfter { members.append(JSONMember("unload_after", JSONNode(seconds))) }
        if let filter { members.append(JSONMember("filter", filter.json)) }
        if !replays { members.append(JSONMember("replay", false)) }
        var given: [JSONMember] = []
        if let number = defaults.temperature { given.append(JSONMember("temperature", JSONNode(number))) }
        if let number = defaults.topP { given.append(JSONMember("top_p", JSONNode(number))) }
        if let number = defaults.maximumTokens { given.append(JSONMember("max_tokens", JSONNode(number))) }
        if let text = defaults.system { given.append(JSONMember("system", JSONNode(text))) }
        members.append(JSONMember("defaults", JSONNode(given)))
        return JSONNode(members)
    }
}
