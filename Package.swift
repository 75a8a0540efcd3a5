// swift-tools-version: 6.0
import Foundation
import PackageDescription

// The numeric modules are compiled for the machine that builds them: the width of SIMD code is
// decided here. TALA_MARCH names another x86-64 level (x86-64-v2, x86-64-v3, x86-64-v4).
// TALA_LEVELS=1 compiles the kernels for all three, and the program takes what its processor can
// run; scripts/build-levels builds so.
let environment = ProcessInfo.processInfo.environment
let hasLevels = environment["TALA_LEVELS"] == "1"
// TALA_CHECKED=1 leaves the checks of bounds, overflows and undefined behaviour in a release build:
// scripts/sanitize builds so, since what is compiled file by file is too slow under a sanitizer.
let isChecked = environment["TALA_CHECKED"] == "1"
func processor() -> String? {
    #if arch(x86_64)
        if hasLevels { return "x86-64-v2" }
        if let named = environment["TALA_MARCH"], !named.isEmpty { return named }
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags") })
        else { return nil }
        let flags = Set(line.split(separator: " ").map(String.init))
        if flags.isSuperset(of: ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]) { return "x86-64-v4" }
        if flags.isSuperset(of: ["avx2", "bmi1", "bmi2", "fma", "f16c", "movbe"]) { return "x86-64-v3" }
    #endif
    return nil
}

#if compiler(>=6.1)
    let newerFeatures = ["MemberImportVisibility"]
#else
    let newerFeatures: [String] = []
#endif
let language: [SwiftSetting] = (["InternalImportsByDefault", "ExistentialAny"] + newerFeatures).map { .enableUpcomingFeature($0) }
// Without errno, a square root is an instruction, also of vectors.
func settings(for processor: String?) -> [SwiftSetting] {
    let flags = ["-Xcc", "-fno-math-errno"] + (processor.map { ["-Xcc", "-march=\($0)"] } ?? [])
    // Checked in a debug build, but not so slow that the tests of everything else cannot run in it.
    return language + [
        .unsafeFlags([isChecked ? "-O" : "-Ounchecked"] + flags, .when(configuration: .release)),
        .unsafeFlags(["-O"] + flags, .when(configuration: .debug)),
    ]
}
let numeric = settings(for: processor())
// The number of the x86-64 level that a program needs.
let builtFor: [CSetting] =
    processor().map { named in
        [.define("TALA_BUILT_FOR", to: named.hasPrefix("x86-64-v") ? String(named.dropFirst(8)) : "1")]
    } ?? []

func module(_ name: String, _ dependencies: [Target.Dependency] = [], _ settings: [SwiftSetting]? = nil) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings ?? language)
}
// Undefined behaviour traps in debug builds and in checked ones.
func moduleInC(_ name: String, _ settings: [CSetting] = []) -> Target {
    let trapping = ["-fsanitize=undefined", "-fsanitize-trap=undefined"]
    return .target(
        name: name, cSettings: settings + [isChecked ? .unsafeFlags(trapping) : .unsafeFlags(trapping, .when(configuration: .debug))])
}
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: language)
}
func tests(_ name: String, _ dependencies: [Target.Dependency], excluding excluded: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: excluded, swiftSettings: language)
}
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

// glslang's archives differ between releases: Debian 12 has one more than Debian 13.
let oldGlslang: [Target.Dependency] =
    ((try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []).contains {
        FileManager.default.fileExists(atPath: "/usr/lib/\($0)/libOGLCompiler.a")
    } ? ["COGLCompiler"] : []

let package = Package(
    name: "tala",
    products: [
        .executable(name: "talad", targets: ["talad"]),
        .executable(name: "tala", targets: ["tala"]),
        .executable(name: "tala-worker", targets: ["tala-worker"]),
        .executable(name: "tala-engine", targets: ["tala-engine"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.6.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    ],
    // A target imports only what stands above it.
    targets: [
        // C libraries: a header each, no code.
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CCrypto"),
        .systemLibrary(name: "CZlib"),
        .systemLibrary(name: "COneDNN"),
        .systemLibrary(name: "CVulkan"),
        .systemLibrary(name: "CGlslang"),
        .systemLibrary(name: "COGLCompiler"),
        // Matrix products in the processor's bfloat16 instructions.
        moduleInC("CProducts"),
        // What the processor can do, and the check that it is one that the program was built for.
        moduleInC("CProcessor", builtFor),
        // What any module may need: clocks, threads, random numbers that a seed determines, distances
        // of words, what the heap gives back.
        module("Basics", ["CLinux"]),
        // Strict JSON with positions, for everything that reads an outside file.
        module("JSON"),
        // Durable files: atomic replace, fsync rules, opening beneath a root, locks, SHA-256.
        module("Storage", ["CLinux", "CCrypto", "JSON"]),
        // Event files, as TensorBoard reads them.
        module("TensorBoard", ["JSON", "Storage"]),
        // File systems that fail, die or take notes, for trials; no program that is installed holds
        // it.
        module("StorageTrials", ["Storage"]),
        // Element types, shapes, memory-mapped safetensors in and out; the forms in which a model
        // lies on disk.
        module("Tensors", ["JSON", "Storage"]),
        // What is near to a right answer: measures of texts, graders in OpenAI's form.
        module("Grading", ["JSON"]),
        // What an answer may be: JSON Schemas and forms of calls as automata over bytes, and the
        // tokens that fit.
        module("Constraints", ["JSON"]),
        // What texts may not contain: block lists, the degrees of a classifier's categories.
        module("Filtering", ["JSON"]),
        // Models from a hub: requests by curl, resumed and verified downloads.
        module("Hub", ["CLinux", "JSON", "Storage", "Tensors"]),
        // What a job's owner and the administrator write: keys, values and ranges of manifest and
        // policy.
        module("Manifest", ["Basics", "JSON", "Grading", yams]),
        // States, events, checkpoint records: pure values.
        module("Jobs", ["JSON", "Manifest"]),
        // Claiming, job folders, control files, scan and inotify.
        module("Spool", ["Basics", "CLinux", "JSON", "Storage", "Tensors", "Manifest", "Jobs"]),
        // The confinement of a process that reads what strangers wrote: Landlock, seccomp, limits.
        module("Sandbox", ["CLinux", "Spool", "Storage", "Tensors"]),
        // Frozen weights in few bits: formats, those of GGUF files among them, quantising, reading.
        module("Quantization", ["Basics", "Tensors"], numeric),
        // GGUF files: metadata, forms of tensors and their quantising, writing from front to back.
        module("GGUF", ["Basics", "Quantization", "Storage", "Tensors"], numeric),
        // Models as GGUF files: reading them, and what names and keys mean there, in both
        // directions.
        module("GGUFModels", ["GGUF", "JSON", "Quantization", "Storage", "Tensors"]),
        // Jinja, as chat templates use it.
        module("Templates", ["JSON"]),
        // tokenizer.json, chat rendering, loss masks.
        module("Tokenization", ["JSON", "Templates"]),
        // JSONL in, examples out: validation report, mapped cache, split, order.
        module("Datasets", ["Basics", "CZlib", "JSON", "Storage", "Templates", "Tokenization"]),
        // What people have, as chat lines: tables and exports of other programs.
        module("Conversion", ["Datasets", "JSON", "Storage"]),
        // Operations (shapes, gradient, cost), autodiff, passes, memory plan.
        module("Graph", ["Quantization", "Tensors"]),
        // Where time goes: peaks of a device, profiles of a plan, published cards, the roofline.
        module("Profiling", ["Basics", "Graph", "JSON", "Tensors"]),
        // The plan on the processor: one file a kernel.
        module("CPUBackend", ["Basics", "COneDNN", "CProducts", "Graph", "Quantization", "Tensors"], numeric),
        // The plan on a Vulkan device: one file a kernel.
        module("VulkanBackend", ["CVulkan", "CGlslang", "JSON", "Storage", "Graph", "Quantization", "Tensors"] + oldGlslang),
        // One file a family: config.json to graph; adapters.
        module("Models", ["Basics", "GGUFModels", "JSON", "Storage", "Manifest", "Tokenization", "Quantization", "Tensors", "Graph"]),
        // The choice of a device and of its precision; the variants of kernels that a job keeps.
        module(
            "Devices",
            ["CPUBackend", "CProcessor", "Graph", "JSON", "Manifest", "Models", "Profiling", "Storage", "Tensors", "VulkanBackend"]),
        // A model on a device and its prepared programs: what training, generation and benchmarks
        // share.
        module("Runtime", ["Tensors", "Graph", "Models"]),
        // Lanes of a job and the processes that carry them: the division of a step, the tree of
        // sums, the group.
        module("Ranks", [], numeric),
        // The loop: schedules, optimizer, metrics, checkpoints, exact resume.
        module(
            "Training",
            [
                "JSON", "Storage", "Manifest", "Jobs", "Profiling", "Ranks", "Tensors", "Graph", "Models", "Runtime", "Datasets",
                "Tokenization",
            ]),
        // Messages between the HTTP front and an engine.
        module("EngineProtocol"),
        // The OpenAI API's requests and answers for text, as values.
        module("ServingAPI", ["Constraints", "JSON"]),
        // PEFT adapter, merged checkpoint, GGUF file, model card.
        module("Export", ["Graph", "GGUF", "GGUFModels", "JSON", "Manifest", "Storage", "Templates", "Tensors", "Models"]),
        // Text from a model for many requests at a time: batches of rows over pages of a cache,
        // sampling, adapters by row.
        module("Engine", ["Basics", "Constraints", "Graph", "Models", "Runtime", "Tensors", "Tokenization"]),
        // An engine on a Unix socket, for one model and its adapters.
        module(
            "EngineServer",
            [
                "Basics", "Constraints", "Engine", "EngineProtocol", "Graph", "JSON", "Manifest", "Models", "Storage", "Templates",
                "Tensors", "Tokenization", "Training",
            ]),
        // A job with everything decided: data read, numbers chosen, model built, memory planned,
        // time estimated.
        module(
            "Preparation",
            [
                "Basics", "Datasets", "Devices", "Engine", "Export", "Grading", "Graph", "JSON", "Jobs", "Manifest", "Models", "Profiling",
                "Ranks",
                "Spool",
                "Storage",
                "Templates",
                "Tensors",
                "Tokenization", "Training",
            ]),
        // One job from validation to result.
        module(
            "Worker",
            [
                "Basics", "CLinux", "JSON", "Grading", "Engine", "Storage", "Manifest", "Jobs", "Spool", "Tensors", "Tokenization",
                "Datasets", "Graph",
                "VulkanBackend", "Models", "Profiling", "Ranks", "Devices", "Training", "Export", "Preparation", "TensorBoard",
            ]),
        // Every kernel of a device against float64, by the references and the harness of
        // KernelTests.
        module("KernelChecks", ["Basics", "Graph", "Quantization", "Tensors"]),
        // Queue, supervision of workers, admission, systemd.
        module("Daemon", ["CLinux", "JSON", "Storage", "Tensors", "Manifest", "Jobs", "Ranks", "Spool"]),
        // The commands of tala that touch the spool's files alone.
        module("CommandLineTools", ["Basics", "CLinux", "CZlib", "JSON", "Storage", "Manifest", "Jobs", "Spool", argumentParser]),
        // Changed inputs for every reader of what comes from outside.
        module(
            "Fuzzing",
            [
                "Basics", "CZlib", "Constraints", "EngineProtocol", "Filtering", "GGUF", "GGUFModels", "JSON", "Jobs", "Manifest",
                "ServingAPI", "Spool",
                "Templates", "Tensors",
                "Tokenization", "Datasets", "Models",
            ]),
        program("tala-fuzz", [argumentParser, "Fuzzing"]),
        program(
            "talad", [argumentParser, "CProcessor", "CommandLineTools", "Daemon", "Jobs", "Manifest", "Spool", "Storage"]),
        program(
            "tala-engine",
            [
                argumentParser, "CommandLineTools", "Devices", "Engine", "EngineServer", "JSON", "Manifest", "Models", "Sandbox",
                "Storage",
                "Tensors", "Training",
            ]),
        program("tala-worker", [argumentParser, "Basics", "JSON", "Jobs", "Sandbox", "Spool", "Storage", "Worker"]),
        program(
            "tala",
            [
                argumentParser, "CommandLineTools", "Conversion", "Datasets", "Engine", "EngineServer", "Export", "Filtering", "GGUF",
                "GGUFModels", "Graph", "Hub", "JSON", "Jobs", "Manifest", "Models", "Spool",
                "Storage",
                "Preparation", "Profiling", "Ranks", "Devices", "Basics", "KernelChecks", "Templates", "Tensors", "Tokenization",
                "Training",
                "VulkanBackend",
            ]),
        program("tala-trial", [argumentParser, "Daemon", "Jobs", "Sandbox", "Spool", "Storage", "StorageTrials", "Worker"]),
        // What test targets share: the reference data, running the programs that were built.
        .target(name: "TestSupport", dependencies: ["JSON", "Storage"], path: "Tests/TestSupport", swiftSettings: language),
        tests("HouseTests", []),
        tests("JSONTests", ["JSON"]),
        tests("FuzzingTests", ["Fuzzing"], excluding: ["Regressions"]),
        tests("HubTests", ["Hub", "JSON", "Storage", "TestSupport"]),
        tests("TensorBoardTests", ["Storage", "TensorBoard"]),
        tests("StorageTests", ["Basics", "Storage", "StorageTrials"]),
        tests("ManifestTests", ["JSON", "Manifest"]),
        tests("FilteringTests", ["Filtering", "JSON"]),
        tests("GradingTests", ["Grading", "JSON", "TestSupport"], excluding: ["Scores.json"]),
        tests("JobsTests", ["JSON", "Manifest", "Jobs"]),
        tests(
            "ModelsTests", ["CPUBackend", "Graph", "JSON", "Manifest", "Models", "Runtime", "Storage", "Tensors", "TestSupport"],
            excluding: ["Rotary"]),
        tests("SpoolTests", ["JSON", "Jobs", "Manifest", "Spool", "Storage"]),
        tests("TemplatesTests", ["JSON", "Templates", "TestSupport"], excluding: ["Cases"]),
        tests("TokenizationTests", ["Basics", "JSON", "Templates", "Tokenization", "TestSupport"], excluding: ["Reference", "Templates"]),
        tests("DatasetsTests", ["Datasets", "JSON", "Templates", "Tokenization", "TestSupport"]),
        tests("ConversionTests", ["Conversion", "JSON"]),
        tests("QuantizationTests", ["Quantization", "Tensors", "TestSupport"]),
        tests(
            "GGUFModelsTests",
            [
                "Basics", "CPUBackend", "Export", "GGUF", "GGUFModels", "JSON", "Manifest", "Models", "Runtime", "Storage",
                "Tensors", "TestSupport", "Tokenization",
            ]),
        tests("GraphTests", ["Basics", "Graph", "Tensors"]),
        tests("CPUBackendTests", ["COneDNN", "CPUBackend", "Graph", "Profiling", "Quantization", "Tensors"]),
        tests("KernelTests", ["Basics", "CPUBackend", "Graph", "Quantization", "Tensors", "VulkanBackend"]),
        tests(
            "ParityTests",
            [
                "CPUBackend", "VulkanBackend", "Datasets", "Export", "Graph", "JSON", "Manifest", "Models", "Tensors", "Training",
                "TestSupport",
            ],
            excluding: ["Plans"]),
        tests("RanksTests", ["Basics", "Ranks"]),
        tests("RuntimeTests", ["CPUBackend", "Graph", "JSON", "Manifest", "Models", "Runtime", "Tensors", "Training"]),
        tests(
            "TrainingTests",
            [
                "Basics", "CPUBackend", "VulkanBackend", "Datasets", "Graph", "JSON", "Jobs", "Manifest", "Models", "Ranks", "Storage",
                "Tensors",
                "Tokenization",
                "Training", "TestSupport",
            ]),
        tests(
            "ExportTests",
            [
                "Export", "GGUF", "GGUFModels", "Graph", "JSON", "Manifest", "Models", "Quantization", "Storage", "Tensors", "TestSupport",
            ]),
        tests(
            "EngineTests",
            [
                "Basics", "Constraints", "CPUBackend", "Datasets", "Engine", "Graph", "JSON", "Manifest", "Models", "Tensors",
                "Tokenization", "Training", "TestSupport", "VulkanBackend",
            ]),
        tests("ConstraintsTests", ["Basics", "Constraints", "JSON"]),
        tests("ServingAPITests", ["JSON", "ServingAPI"]),
        tests("EngineServerTests", ["Constraints", "EngineProtocol", "EngineServer", "JSON", "Templates", "TestSupport", "Tokenization"]),
        tests(
            "CommandLineTests",
            ["CommandLineTools", "CZlib", "JSON", "Jobs", "Manifest", "Spool", "Storage", "Tensors", "TestSupport"]),
        tests("DaemonTests", ["Daemon", "JSON", "Manifest", "Jobs", "Basics", "Spool", "Storage", "StorageTrials", "TestSupport"]),
        tests(
            "CrashTests",
            [
                "Basics", "Fuzzing", "JSON", "Jobs", "Manifest", "Spool", "Storage", "StorageTrials", "Training", "Worker",
                "TestSupport",
            ],
            excluding: ["Faults", "OlderSpools"]),
        tests(
            "JobRunTests",
            [
                "Basics", "CPUBackend", "Datasets", "Engine", "Graph", "JSON", "Manifest", "Jobs", "Models", "Devices", "Preparation",
                "Profiling", "Ranks", "Spool", "Storage",
                "Tensors", "TensorBoard", "Tokenization", "Training", "Worker", "TestSupport",
            ]),
    ]
)

// The kernels once more for each later level, by links to their folder. These modules' names stand
// behind all others in the linker's list: what the compiler puts into several modules is then taken
// from one for the oldest processors.
if hasLevels, let kernels = package.targets.first(where: { $0.name == "CPUBackend" }),
    let devices = package.targets.first(where: { $0.name == "Devices" })
{
    for level in [3, 4] {
        let name = "x86_64_v\(level)"
        package.targets.append(
            .target(
                name: name, dependencies: kernels.dependencies, path: "Levels/\(name)", swiftSettings: settings(for: "x86-64-v\(level)")))
        devices.dependencies.append(.init(stringLiteral: name))
    }
    devices.swiftSettings?.append(.define("TALA_LEVELS"))
}

// Some of the test targets alone, separated by commas: scripts/sanitize builds no others.
if let wanted = ProcessInfo.processInfo.environment["TALA_TEST_TARGETS"]?.split(separator: ",").map(String.init) {
    package.targets.removeAll { $0.type == .test && !wanted.contains($0.name) }
}

// Jobs of several processes go over Open MPI. Where its headers are not there (libopenmpi-dev)
// everything but tala-rank is built; nothing else links MPI.
let hasMPI = ((try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []).contains {
    FileManager.default.fileExists(atPath: "/usr/lib/\($0)/pkgconfig/ompi-c.pc")
}
if hasMPI {
    package.products.append(.executable(name: "tala-rank", targets: ["tala-rank"]))
    package.targets += [
        .systemLibrary(name: "CMPI", pkgConfig: "ompi-c"),
        // The group of processes over Open MPI.
        module("MPIRanks", ["CLinux", "CMPI", "Ranks"]),
        // One of several processes of a job, and their launcher.
        program(
            "tala-rank",
            [
                argumentParser, "Basics", "CLinux", "CommandLineTools", "Jobs", "Manifest", "MPIRanks", "Ranks", "Sandbox",
                "Spool", "Storage", "Training", "Worker",
            ]),
    ]
}
