import Glibc
import Graph
import JSON
import Storage
import Tensors

/// Chooses the variant of each kind of matrix product by measuring on the device, within a budget
/// of seconds.
///
/// A search climbs from the best of a few seeds to better neighbours, so nothing need be known of
/// the device. What was found is kept on disk by the identity of device and driver, and recorded in
/// a job, which keeps its variants when it is resumed.
final class ProductTuner {
    /// A measured shape and its time, for those who look on.
    typealias Report = (_ key: ProductKey, _ variant: ProductVariant, _ gigaflops: Double) -> Void

    private(set) var choices: [ProductKey: ProductVariant] = [:]
    /// Seconds that may still be spent; 0 measures nothing.
    private(set) var secondsLeft: Double
    /// Seconds that were spent.
    private(set) var secondsSpent = 0.0
    var report: Report?
    /// Called before a kind of product is measured: which of how many of this plan.
    var announce: ((_ key: ProductKey, _ number: Int, _ count: Int) -> Void)?
    private let disk: DiskCache
    private let entry: String
    /// What was measured on this machine, in this process or before.
    private var measured: [ProductKey: ProductVariant] = [:]

    /// - Parameters:
    ///   - identity: names device and driver.
    ///   - seconds: the budget.
    ///   - forgets: whether what was measured before is measured again.
    init(identity: String, seconds: Double, forgets: Bool = false, disk: DiskCache = DiskCache()) {
        self.disk = disk
        secondsLeft = seconds
        entry = "products-\(identity).json"
        guard seconds > 0, let bytes = disk.read(entry) else { return }
        measured = Self.choices(from: bytes)
        if !forgets { choices = measured }
    }

    /// Spends no more than this from now on.
    func limit(toSeconds seconds: Double) { secondsLeft = min(secondsLeft, max(0, seconds)) }

    /// Measures nothing, and chooses by rule.
    func forget() {
        secondsLeft = 0
        choices = [:]
    }

    /// Variants by kind of product, as text: what a job records.
    var record: [String: String] {
        Dictionary(uniqueKeysWithValues: choices.map { ($0.key.description, $0.value.description) })
    }

    /// Takes the variants of a record instead of those measured since; entries that are none are
    /// left out.
    func adopt(_ record: [String: String], _ device: DeviceProfile) {
        for (key, variant) in record {
            if let key = ProductKey(key), let variant = ProductVariant(variant), variant.fits(device), variant.serves(key) {
                choices[key] = variant
            }
        }
    }

    private static func choices(from bytes: [UInt8]) -> [ProductKey: ProductVariant] {
        guard let members = (try? JSONParser().parse(bytes))?.object else { return [:] }
        var found: [ProductKey: ProductVariant] = [:]
        for member in members {
            if let key = ProductKey(member.key), let variant = member.node.string.flatMap({ ProductVariant($0) }), variant.serves(key) {
                found[key] = variant
            }
        }
        return found
    }

    private func save() {
        let members = measured.map { JSONMember($0.key.description, JSONNode($0.value.description)) }.sorted { $0.key < $1.key }
        disk.write(entry, Array(JSONWriter().string(JSONNode(members)).utf8))
    }

    /// The products of a plan whose variants matter: of those that are added up in one dispatch the
    /// largest, unless a variant with matrices could keep them apart.
    private static func products(of plan: Plan, _ device: DeviceProfile) -> [ProductSample] {
        let chains = ProductChains.find(in: plan.calls)
        let moved = Set(chains.values.flatMap { $0.dropLast() })
        var found: [ProductSample] = []
        for (index, call) in plan.calls.enumerated() where !device.matrixShapes.isEmpty || !moved.contains(index) {
            if device.matrixShapes.isEmpty, let chain = chains[index] {
                found += MatrixProductSum.sums(of: chain.map { plan.calls[$0] }).compactMap(\.largest)
            } else {
                found += (call.operation as? any VulkanKernel)?.products(call.inputs, call.outputs) ?? []
            }
        }
        return found
    }

    /// Decides on the variants of a plan's products that are not decided yet.
    func prepare(_ plan: Plan, _ device: VulkanDevice) {
        guard secondsLeft > 0 else { return }
        var samples: [ProductKey: (sample: ProductSample, operations: Double)] = [:]
        for sample in Self.products(of: plan, device.profile) where choices[sample.key] == nil {
            let known = samples[sample.key]
            let largest = known.map { $0.sample.operations > sample.operations ? $0.sample : sample } ?? sample
            samples[sample.key] = (largest, (known?.operations ?? 0) + sample.operations)
        }
        if samples.isEmpty { return }
        var total = samples.values.reduce(0) { $0 + $1.operations }
        let order = samples.sorted { ($1.value.operations, $0.key.description) < ($0.value.operations, $1.key.description) }
        for (number, (key, (sample, operations))) in order.enumerated() {
            if secondsLeft > 0 { announce?(key, number + 1, order.count) }
            // Each kind has its share of what is left; what one does not need goes to those behind
            // it.
            let share = secondsLeft * max(operations / max(total, 1), 0.5 / Double(order.count))
            total -= operations
            let began = ContinuousClock.now
            let search = ProductSearch(device, sample, key, seconds: min(share, secondsLeft), report: report)
            let nearest = choices.filter { $0.key.isRelated(to: key) }.min {
                ($0.key.distance(to: key), $0.key.description) < ($1.key.distance(to: key), $1.key.description)
            }
            if let found = search.run(from: nearest?.value) {
                choices[key] = found
                measured[key] = found
            } else {
                choices[key] = nearest.map(\.value).flatMap { sample.isSensible($0) ? $0 : nil } ?? sample.unmeasured(device.profile)
            }
            let spent = began.duration(to: .now).inSeconds
            secondsLeft = max(0, secondsLeft - spent)
            secondsSpent += spent
        }
        save()
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
