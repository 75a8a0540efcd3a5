import Graph

/// A search for the fastest variant of one product: from seeds to better neighbours, until none is
/// better or the time is up.
struct ProductSearch {
    private let device: VulkanDevice
    private let sample: ProductSample
    private let key: ProductKey
    private let deadline: ContinuousClock.Instant
    private let report: ProductTuner.Report?

    init(_ device: VulkanDevice, _ sample: ProductSample, _ key: ProductKey, seconds: Double, report: ProductTuner.Report?) {
        self.device = device
        // Devices are several times faster than guessed; a run of less than some ten milliseconds
        // tells more of the machine's clockwork than of the variant.
        self.sample = sample.limited(to: device.context.pacer.operationsPerSecond * 0.08)
        self.key = key
        deadline = .now + .seconds(seconds)
        self.report = report
    }

    /// The fastest variant that was found; nil if nothing could be measured in the time.
    /// - Parameter start: a variant that is good for similar products.
    func run(from start: ProductVariant?) -> ProductVariant? {
        guard let arena = try? device.makeArena(blocks: sample.plan.transientBlocks) as? VulkanArena, (try? arena.fill(0x3C)) != nil else {
            return nil
        }
        var measured: Set<ProductVariant> = []
        // Fastest first; the first few are measured again at the end, in turns, since a busy
        // machine may have spoilt one or the other.
        var leaders: [Contender] = []
        /// Whether the variant is the best so far.
        func tries(_ variant: ProductVariant) -> Bool {
            let best = leaders.first?.seconds ?? .infinity
            guard variant.fits(device.profile), variant.serves(key), .now < deadline, measured.insert(variant).inserted,
                var contender = prepare(variant, arena)
            else {
                return false
            }
            contender.measure(best: best)
            guard contender.seconds.isFinite else { return false }
            report?(key, variant, sample.operations / contender.seconds * 1e-9)
            leaders.append(contender)
            leaders = Array(leaders.sorted { $0.seconds < $1.seconds }.prefix(3))
            // A little faster may be chance; the search goes on for what is worth it.
            return contender.seconds < 0.97 * best
        }
        for seed in [start, sample.unmeasured(device.profile)].compactMap({ $0 })
            + (start == nil ? ProductVariant.seeds(device.profile) : [])
        {
            _ = tries(seed)
        }
        var improves = true
        while improves, let center = leaders.first?.variant, .now < deadline {
            improves = false
            for neighbour in center.neighbours(device.profile) where isSensible(neighbour) && tries(neighbour) {
                improves = true
                break
            }
        }
        for _ in 0..<3 where leaders.count > 1 { for index in leaders.indices { leaders[index].measureAgain() } }
        return leaders.min { $0.seconds < $1.seconds }?.variant
    }

    private func isSensible(_ variant: ProductVariant) -> Bool { sample.isSensible(variant) }

    private func prepare(_ variant: ProductVariant, _ arena: VulkanArena) -> Contender? {
        let profile = sample.profile(device.profile, using: variant)
        guard let memory = try? VulkanPersistentMemory(device.context, .init([], limits: device.limits)),
            let executable = try? VulkanExecutable(device, sample.plan, memory, arena, profile: profile, isTrial: true)
        else { return nil }
        return Contender(variant: variant, executable: executable)
    }
}

/// A variant that is being measured.
private struct Contender {
    let variant: ProductVariant
    let executable: VulkanExecutable
    /// The least of all runs: what disturbs a run makes it longer, never shorter.
    var seconds = Double.infinity

    init(variant: ProductVariant, executable: VulkanExecutable) {
        self.variant = variant
        self.executable = executable
    }

    /// Runs several times; fewer where it is clear that the variant is slower than the best.
    mutating func measure(best: Double) {
        // In the first run a driver may still compile, or the device wake up.
        guard (try? executable.measuredSeconds()) != nil else { return }
        var spent = 0.0
        for run in 1...12 {
            guard let time = measureAgain() else { return }
            spent += time
            if seconds > 2 * best || (run >= 2 && seconds > 1.5 * best) || (run >= 3 && spent > 0.03) { return }
        }
    }

    @discardableResult mutating func measureAgain() -> Double? {
        guard let time = try? executable.measuredSeconds(), time > 0 else {
            seconds = .infinity
            return nil
        }
        seconds = min(seconds, time)
        return time
    }
}
