import ArgumentParser
import Foundation
import Fuzzing

/// Feeds changed inputs to the readers of everything that comes from outside.
@main struct TalaFuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala-fuzz", abstract: "Feed changed inputs to a reader; a crash or a hang leaves the input in a file.",
        discussion: "Readers: \(FuzzTarget.all.map(\.name).joined(separator: ", ")). Same seed, same inputs.")
    @Option(help: "How many inputs.") var runs = 100_000
    @Option(help: "Where the random numbers begin.") var seed: UInt64 = 1
    @Option(help: "Seconds after which one input counts as a hang.") var timeout: UInt32 = 10
    @Option(help: "MiB that the process may use.") var memory = 2048
    @Option(help: "Where the input being read is kept.") var output = "."
    @Option(help: "Reads this file once instead of making inputs.") var input: String?
    @Argument(help: "The reader, or all.") var reader: String

    func run() throws {
        let targets = FuzzTarget.all.filter { reader == "all" || $0.name == reader }
        guard !targets.isEmpty else { throw ValidationError("\(reader) is not a reader") }
        var limit = rlimit(rlim_cur: rlim_t(memory) << 20, rlim_max: rlim_t(memory) << 20)
        setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
        defer { FuzzTarget.cleanUp() }
        for target in targets {
            if let input {
                if let problem = target.run(Array(try Data(contentsOf: URL(fileURLWithPath: input)))) { try stop(target, problem) }
                continue
            }
            try feed(target)
        }
    }

    private func stop(_ target: FuzzTarget, _ problem: String) throws {
        print("\(target.name): \(problem)")
        throw ExitCode(1)
    }

    /// The input being read lies in a mapped file, so that it outlives the process.
    private func feed(_ target: FuzzTarget) throws {
        let path = output + "/" + target.name + ".input"
        let size = target.byteLimit + 8
        guard FileManager.default.createFile(atPath: path, contents: Data(count: size)) else {
            throw ValidationError("\(path) cannot be written")
        }
        let descriptor = open(path, O_RDWR)
        defer { close(descriptor) }
        guard let map = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), map != MAP_FAILED else {
            throw ValidationError("\(path) cannot be mapped")
        }
        defer { munmap(map, size) }
        let seeds = target.seeds + ReferenceData.inputs(of: target)
        var mutator = target.mutator(seed: seed)
        let start = ContinuousClock.now
        for seed in seeds where seed.count <= target.byteLimit { if let problem = target.run(seed) { try stop(target, problem) } }
        for count in 0..<runs {
            let bytes = mutator.next()
            map.storeBytes(of: UInt64(bytes.count).littleEndian, as: UInt64.self)
            bytes.withUnsafeBytes { if let base = $0.baseAddress { (map + 8).copyMemory(from: base, byteCount: $0.count) } }
            // The alarm ends the process: a hang looks like a crash, with its input kept.
            if count % 64 == 0 { alarm(timeout) }
            if let problem = target.run(bytes) { try stop(target, problem) }
        }
        alarm(0)
        try FileManager.default.removeItem(atPath: path)
        let elapsed = (ContinuousClock.now - start).components.seconds
        var share = ""
        if let accepts = target.accepts {
            var sample = target.mutator(seed: seed)
            let taken = (0..<1000).count { _ in accepts(sample.next()) }
            share = ", \(taken / 10) % of them taken by the parser"
        }
        print("\(target.name): \(runs) inputs from \(seeds.count) in \(elapsed) s, no crash, no hang\(share)")
    }
}
