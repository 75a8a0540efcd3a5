package import Graph
import Tensors

/// A kernel as a driver's compiler has made it.
package struct CompiledKernel: Sendable {
    /// Shader, element types and what it was compiled with.
    package var name: String
    /// The variant of a matrix product; empty for other kernels.
    package var variant: String
    /// Runs of it in the plan; 0 for a variant that the plan would not use by itself.
    package var callCount: Int
    package var compileSeconds: Double
    /// The driver's own names and values; empty where it does not say.
    package var statistics: [(name: String, value: String)]
    /// Whether its instructions use matrix units.
    package var usesMatrixUnits: Bool

    private func first(_ names: [String]) -> Int? {
        names.lazy.compactMap { name in statistics.first { $0.name == name }.flatMap { Int($0.value) } }.first
    }
    private func sum(_ names: [String]) -> Int? {
        let found = names.compactMap { first([$0]) }
        return found.isEmpty ? nil : found.reduce(0, +)
    }
    /// Vector registers of an invocation.
    package var registers: Int? { first(["VGPRs", "Number of GPRs"]) }
    /// Registers that were spilled.
    package var spills: Int? { sum(["Spilled VGPRs", "Spilled SGPRs", "Spills to memory"]) }
    /// Bytes of memory for what finds no register.
    package var scratch: Int? { first(["Scratch size", "SLM size"]) }
    /// Bytes of shared memory.
    package var sharedMemory: Int? { first(["LDS size"]) }
    /// Subgroups that a SIMD or multiprocessor holds at a time.
    package var occupancy: Int? { first(["Subgroups per SIMD", "Max warps/SM"]) }
    package var instructions: Int? { first(["Instructions", "Instruction count"]) }
    /// Cycles, as the driver estimates them.
    package var cycles: Int? { first(["Inverse Throughput", "Static cycle count"]) }
    /// Whether nothing is spilled and no scratch memory is used, as far as the driver says.
    package var staysInRegisters: Bool { (spills ?? 0) == 0 && (scratch ?? 0) == 0 }
}

extension VulkanDevice {
    /// Compiles every kernel of a plan without running it, products that are added up in one
    /// dispatch as such a dispatch, and matrix products also in the variants with the device's
    /// matrices.
    ///
    /// Open the device with `capturesStatistics` to learn what its compiler says.
    /// - Throws: ``VulkanError`` for a kernel that does not compile.
    package func compile(_ plan: Plan) throws -> [CompiledKernel] {
        var found: [CompiledKernel] = []
        var numbers: [String: Int] = [:]
        func add(_ call: KernelCall, _ profile: DeviceProfile, counts: Bool) throws {
            guard let kernel = call.operation as? any VulkanKernel else { throw VulkanError.unknownOperation(call.operation.name) }
            let variant = kernel.variantName(call.inputs, call.outputs, profile)
            try add(kernel.dispatches(call.inputs, call.outputs, profile), variant, counts: counts)
        }
        func add(_ dispatches: [Dispatch], _ variant: String, counts: Bool) throws {
            for dispatch in dispatches {
                let types = dispatch.operands.map(\.reference.elementType.rawValue).joined(separator: " ")
                let tile: Set<String> = [
                    "ROW_LANES", "LANES", "OWN", "MET", "SLICE", "DEPTH", "SUBGROUP", "MATRIX_ROWS", "MATRIX_COLUMNS", "MATRIX_INNER",
                ]
                let words = dispatch.definitions.filter { variant.isEmpty || !tile.contains($0.key) }.sorted { $0.key < $1.key }
                    .map { $0.value == 1 ? $0.key : "\($0.key)=\($0.value)" }
                let constants =
                    dispatch.specialization.isEmpty ? [] : ["groups \(dispatch.specialization.map(String.init).joined(separator: "/"))"]
                let name = ([dispatch.shader, types] + words + constants).joined(separator: " ")
                if let known = numbers[name + variant] {
                    if counts { found[known].callCount += 1 }
                    continue
                }
                let start = ContinuousClock.now
                let pipeline = try pipelines.pipeline(for: dispatch)
                let seconds = start.duration(to: .now).inSeconds
                let statistics = context.capturesStatistics ? ExecutableStatistics(context.handle, pipeline.handle) : nil
                let text = (statistics?.instructions ?? "").lowercased()
                numbers[name + variant] = found.count
                found.append(
                    CompiledKernel(
                        name: name, variant: variant, callCount: counts ? 1 : 0, compileSeconds: seconds,
                        statistics: statistics?.values ?? [],
                        usesMatrixUnits: ["wmma", "mfma", "hmma", "mma."].contains { text.contains($0) }))
            }
        }
        let chains = ProductChains.find(in: plan.calls)
        let moved = Set(chains.values.flatMap { $0.dropLast() })
        for (index, call) in plan.calls.enumerated() where !moved.contains(index) {
            guard let chain = chains[index] else {
                try add(call, profile, counts: true)
                continue
            }
            for sum in MatrixProductSum.sums(of: chain.map { plan.calls[$0] }) {
                try add(sum.dispatches(profile), sum.variant(profile)?.description ?? "", counts: true)
            }
        }
        for call in plan.calls {
            guard let kernel = call.operation as? any VulkanKernel,
                !kernel.variantName(call.inputs, call.outputs, profile).isEmpty
            else { continue }
            for product in kernel.products(call.inputs, call.outputs) {
                for seed in ProductVariant.seeds(profile) where seed.matrix != nil && seed.serves(product.key) {
                    var profile = profile
                    profile.products[product.key] = seed
                    try add(call, profile, counts: false)
                }
            }
        }
        return found
    }
}
