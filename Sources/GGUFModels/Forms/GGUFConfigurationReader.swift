import JSON
import Storage
import Tensors

/// What config.json says of the model in a GGUF file: the tables by which files are written
/// (``GGUFFamily``, ``GGUFForm``), backwards.
struct GGUFConfigurationReader {
    /// Divisors of rotary frequencies, which are tensors in files and lists in config.json.
    static let rotaryNames: Set<String> = ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"]
    let family: any GGUFFamily.Type
    let form: GGUFForm
    let files: [GGUFFile]
    /// Of tensors.
    let names: Set<String>
    let (layers, hidden, heads, keyHeads, headWidth, positions): (Int, Int, Int, Int, Int, Int)
    private let inner: Int
    /// Of the embedding.
    let rows: Int
    /// Experts of a layer; 0: the model is no mixture.
    let experts: Int
    /// The layers without attention.
    let convolutions: [Int]
    private let stored: String
    var metadata: GGUFMetadata { files[0].metadata }

    /// - Throws: ``GGUFFault`` naming a key that is missing or out of range.
    init(_ files: [GGUFFile], _ family: any GGUFFamily.Type) throws(GGUFFault) {
        let form = family.form
        (self.files, self.family, self.form) = (files, family, form)
        let metadata = files[0].metadata
        func count(_ key: String, _ limit: Int) throws(GGUFFault) -> Int? {
            try metadata.integerOfAllLayers(form.name + "." + key, in: 1...limit)
        }
        func needed(_ key: String, _ limit: Int) throws(GGUFFault) -> Int {
            guard let number = try count(key, limit) else { throw metadata.fault(form.name + "." + key, "is missing") }
            return number
        }
        layers = try needed("block_count", 1 << 10)
        hidden = try needed("embedding_length", 1 << 18)
        inner = try needed("feed_forward_length", 1 << 20)
        heads = try needed("attention.head_count", 1 << 12)
        positions = try needed("context_length", 1 << 28)
        if form.hasConvolutions {
            let counts = try Self.keyHeads(metadata, form.name + ".attention.head_count_kv", layers: layers) ?? []
            keyHeads = counts.max() ?? heads
            convolutions = counts.indices.filter { counts[$0] == 0 }
        } else {
            keyHeads = try count("attention.head_count_kv", 1 << 12) ?? heads
            convolutions = []
        }
        let width = try count("attention.key_length", 1 << 12) ?? hidden / heads
        if let values = try count("attention.value_length", 1 << 12), values != width {
            throw metadata.fault(form.name + ".attention.value_length", "is \(values), and keys have \(width): they must be equal")
        }
        headWidth = width
        experts = try metadata.integer(form.name + ".expert_count", in: 0...(1 << 20)) ?? 0
        guard form.experts != nil || experts == 0 else {
            throw metadata.fault(
                form.name + ".expert_count",
                "the model is a mixture of \(experts) experts, which is not read from GGUF files of this architecture")
        }
        guard form.experts == nil || (1...1_024).contains(experts) else {
            throw metadata.fault(form.name + ".expert_count", "is \(experts), and such a model has 1 to 1024 experts")
        }
        names = Set(files.flatMap { $0.tensors.map(\.name) })
        guard let embedding = files.lazy.flatMap(\.tensors).first(where: { $0.name == "token_embd.weight" }), embedding.shape.count == 2
        else {
            throw GGUFFault(path: files[0].path, field: "token_embd.weight", "is missing, or no matrix")
        }
        rows = embedding.shape[0]
        guard rows <= 1 << 24 else {
            throw GGUFFault(path: files[0].path, field: "token_embd.weight", "has \(rows) rows; \(1 << 24) are allowed")
        }
        let types = Set(files.flatMap(\.tensors).filter { $0.shape.count > 1 }.map(\.type.name))
        stored = types == ["F32"] ? "float32" : types == ["F16"] ? "float16" : "bfloat16"
    }

    /// Heads of keys of each layer, 0 where it is a convolution; nil where one number is that of
    /// all.
    private static func keyHeads(_ metadata: GGUFMetadata, _ key: String, layers: Int) throws(GGUFFault) -> [Int]? {
        guard metadata.elementCount(key) != nil else {
            return try metadata.integer(key, in: 1...(1 << 12)).map { [Int](repeating: $0, count: layers) }
        }
        let counts = (try metadata.integers(key) ?? []).map { Int($0) }
        guard counts.count == layers else { throw metadata.fault(key, "has \(counts.count) numbers, and there are \(layers) layers") }
        let own = Set(counts).subtracting([0])
        guard own.count == 1, let heads = own.first, (1...(1 << 12)).contains(heads) else {
            throw metadata.fault(key, "has to be one number of heads for all layers with attention, and 0 for the others")
        }
        return counts
    }

    func key(_ name: String) -> String { form.name + "." + name }

    /// A number in the fewest digits that a float32 needs: what was 1e-6 before it was rounded is
    /// 1e-6 again.
    static func number(_ value: Double) -> JSONNode { JSONNode(Double(Float(value).description) ?? value) }

    func number(_ name: String) throws(GGUFFault) -> Double? { try metadata.number(key(name)) }

    // MARK: config.json

    /// - Parameters: the tokens that the tokenizer names.
    /// - Throws: ``GGUFFault``.
    func configuration(begin: Int?, end: Int?) throws(GGUFFault) -> JSONNode {
        var members = [
            JSONMember("architectures", [JSONNode(family.className)]), JSONMember("model_type", JSONNode(family.modelType)),
            JSONMember("hidden_size", JSONNode(hidden)),
            JSONMember("num_hidden_layers", JSONNode(layers)), JSONMember("num_attention_heads", JSONNode(heads)),
            JSONMember("num_key_value_heads", JSONNode(keyHeads)), JSONMember("intermediate_size", JSONNode(inner)),
            JSONMember("max_position_embeddings", JSONNode(positions)), JSONMember("vocab_size", JSONNode(rows)),
            JSONMember("tie_word_embeddings", JSONNode(!names.contains("output.weight"))), JSONMember("torch_dtype", JSONNode(stored)),
            JSONMember(form.activation.key, JSONNode(form.activation.word)),
        ]
        func add(_ name: String, _ node: JSONNode) { members.append(JSONMember(name, node)) }
        if metadata.holds(key("attention.key_length")) || headWidth * heads != hidden { add("head_dim", JSONNode(headWidth)) }
        guard let epsilon = try number(form.epsilon.file) else { throw metadata.fault(key(form.epsilon.file), "is missing") }
        add(form.epsilon.configuration, Self.number(epsilon))
        if let begin { add("bos_token_id", JSONNode(begin)) }
        if let end { add("eos_token_id", JSONNode(end)) }
        // A size of all models may have a key of this family's beside its own.
        for own in form.keys where !members.contains(where: { $0.key == own.configuration }) {
            if let node = try value(of: own) { add(own.configuration, node) }
        }
        if let biasKey = form.biasKey {
            add(biasKey, JSONNode(names.contains { $0.hasPrefix("blk.0.attn_") && $0.hasSuffix(".bias") }))
        }
        members += try family.members(self)
        if !form.learnsPositions { members += try rotation() }
        // Heads of keys are those of queries where positions are learned.
        if form.learnsPositions {
            guard keyHeads == heads else {
                throw metadata.fault(key("attention.head_count_kv"), "is \(keyHeads), and this architecture has as many as heads: \(heads)")
            }
            members.removeAll { $0.key == "num_key_value_heads" }
        }
        return JSONNode(members.map { JSONMember(form.sizeKeys[$0.key] ?? $0.key, $0.node) })
    }

    private func value(of own: GGUFForm.Key) throws(GGUFFault) -> JSONNode? {
        switch own.value {
        case .flag: return try metadata.flag(key(own.file)).map { JSONNode($0) }
        case .count:
            // Zero: there is none.
            let count = try metadata.integer(key(own.file), in: 0...(1 << 28)) ?? own.standard.map { Int($0) } ?? 0
            return count > 0 ? JSONNode(count) : nil
        case .number:
            guard let number = try number(own.file) ?? own.standard else { throw metadata.fault(key(own.file), "is missing") }
            return Self.number(number)
        }
    }

    // MARK: Remarks

    /// What a file cannot say of its model, a sentence each.
    func remarks() throws(GGUFFault) -> [String] { try family.remarks(reading: self) }

    /// Of a family whose window llama.cpp does not know, where the model has one.
    func remarkOnWindow() throws(GGUFFault) -> [String] {
        guard let window = try metadata.integer(key("attention.sliding_window"), in: 0...(1 << 28)), window > 0, window < positions else {
            return []
        }
        return [
            "the model's sliding window of \(window) tokens is kept, as it was trained; llama.cpp ignores it, so that there answers to longer "
                + "texts are others"
        ]
    }
}
