import Manifest
import Testing

@testable import Training

/// What the manifest offers and what training can do are two lists in two modules that agree.
@Suite struct SpecificationTests {
    @Test func everyOptimizerOfTheManifestIsOneOfTraining() throws {
        #expect(Manifest.Optimizer.all.map { $0.word } == Optimizers.all.map { $0.name })
        for type in Manifest.Optimizer.all {
            let specification = Manifest.Optimizer(type.init())
            let optimizer = try Optimizers.named(specification.word, numbers: [:])
            for (key, number) in specification.numbers { #expect(Self.number(optimizer, key) == number, "\(specification.word), \(key)") }
            #expect(Set(specification.numbers.keys) == Self.keys(optimizer), "\(specification.word)")
        }
    }

    private static func number(_ optimizer: some Optimizer, _ key: String) -> Double? {
        type(of: optimizer).keys[key].map { optimizer[keyPath: $0] }
    }

    private static func keys(_ optimizer: some Optimizer) -> Set<String> { Set(type(of: optimizer).keys.keys) }

    @Test func everyMethodOfTheManifestIsAnObjective() {
        #expect(Manifest.Method.all.filter { $0.hasHyperparameters }.map { $0.word } == Objectives.all.map(\.name))
    }
}
