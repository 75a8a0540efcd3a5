import JSON

extension Manifest {
    /// What a job's training is for. Each has its own file; this is their list.
    package struct Method: Sendable, Hashable {
        package var specification: any MethodSpecification

        package init(_ specification: any MethodSpecification) { self.specification = specification }

        package static let all: [any MethodSpecification.Type] = [
            Supervised.self, Pretraining.self, Preference.self, Classification.self, Distillation.self, EvaluationMethod.self,
        ]
        /// Methods that are known by name only.
        static let announced = ["reinforcement"]

        package var word: String { type(of: specification).word }

        package static func == (left: Method, right: Method) -> Bool { AnyHashable(left.specification) == AnyHashable(right.specification) }
        package func hash(into hasher: inout Hasher) { hasher.combine(AnyHashable(specification)) }
    }

    /// A method: its name, what it decides where the manifest leaves something open, and the keys
    /// that only it has: among the hyperparameters (`keys`) and beside them (`settings`).
    package protocol MethodSpecification: KeyedSection {
        static var word: String { get }
        static var sentence: String { get }
        /// What is trained where the manifest does not say.
        static var adapter: Adapter.Kind { get }
        /// Which tokens are trained where the manifest does not say.
        static var trainOn: TrainOn { get }
        /// Whether ``trainOn`` is the only choice: the loss is of that part and no other.
        static var fixesTrainOn: Bool { get }
        /// Whether the data is plain text, not conversations or pairs.
        static var readsPlainText: Bool { get }
        /// Whether a model without weights begins with random ones.
        static var mayBeginAtRandom: Bool { get }
        /// The rate that a multiplier multiplies, and that `auto` takes: a tenth of it is gentle,
        /// five times it is rough.
        static func baseRate(_ adapter: Adapter.Kind) -> Double
        /// Keys that stand beside `hyperparameters`.
        static var settings: [Key<Self>] { get }
        /// Whether there is a training that has hyperparameters.
        static var hasHyperparameters: Bool { get }
        /// Whether a step can be divided into lanes.
        static var hasLanes: Bool { get }
        /// What follows from all settings together, once they have been read.
        mutating func settle(beside section: ManifestSection) throws(ManifestError)
        /// The strength of noise on embeddings (NEFTune); 0: none.
        var embeddingNoise: Double { get }
    }
}

extension Manifest.MethodSpecification {
    package static var settings: [Key<Self>] { [] }
    package static var hasHyperparameters: Bool { true }
    package static var hasLanes: Bool { true }
    package mutating func settle(beside section: ManifestSection) throws(ManifestError) {}

    /// The settings that have a value, in the order of the list.
    var settingMembers: [JSONMember] {
        Self.settings.compactMap { key in key.write(self).map { JSONMember(key.description.name, $0) } }
    }
}

extension Manifest.MethodSpecification {
    package static var fixesTrainOn: Bool { false }
    package var embeddingNoise: Double { 0 }
}

extension Manifest.Method {
    package var standardAdapter: Manifest.Adapter.Kind { type(of: specification).adapter }
    package var standardTrainOn: Manifest.TrainOn { type(of: specification).trainOn }
    package var readsPlainText: Bool { type(of: specification).readsPlainText }
    package var mayBeginAtRandom: Bool { type(of: specification).mayBeginAtRandom }
    package var hasHyperparameters: Bool { type(of: specification).hasHyperparameters }
    package var hasLanes: Bool { type(of: specification).hasLanes }
    package func baseRate(_ adapter: Manifest.Adapter.Kind) -> Double { type(of: specification).baseRate(adapter) }
}
