import Glibc
import Graph
import Tensors
import Testing

@testable import VulkanBackend

/// Variants of matrix products: what may be chosen, and that the choice does not show in results.
@Suite(.serialized) struct ProductVariantTests {
    static let hasVulkan = TestDevice.available.contains(.vulkan)

    static let variants: [ProductVariant] = [
        ProductVariant(rowLanes: 1, lanes: 1, own: 1, met: 1, slice: 0, depth: 1),
        ProductVariant(rowLanes: 1, lanes: 8, own: 16, met: 2, slice: 0, depth: 1),
        ProductVariant(rowLanes: 4, lanes: 2, own: 2, met: 4, slice: 0, depth: 4),
        ProductVariant(rowLanes: 8, lanes: 1, own: 4, met: 8, slice: 0, depth: 2),
        ProductVariant(rowLanes: 8, lanes: 4, own: 2, met: 8, slice: 4, depth: 1),
        ProductVariant(rowLanes: 4, lanes: 8, own: 8, met: 1, slice: 16, depth: 1),
    ]

    static let operations: [MatrixProduct] = MatrixProductReference.layouts.map {
        MatrixProduct(transposesA: $0.0, transposesB: $0.1, scale: 3, hasAddend: $0.0)
    }

    @Test(.enabled(if: hasVulkan, "there is no Vulkan device"), arguments: operations)
    func everyVariantGivesTheSameRightBytes(_ operation: MatrixProduct) throws {
        let device = try VulkanDevice(validates: true)
        var random = CaseRandom(seed: KernelCatalogue.seed)
        for (size, type) in [((m: 37, n: 41, k: 51), ElementType.float32), ((m: 9, n: 70, k: 33), .bfloat16)]
        where device.activationTypes.contains(type) {
            let inputs = MatrixProductReference.inputs(&random, operation, size, type, type)
            let sample = KernelSample(
                operation: operation, inputs: inputs, outputs: try operation.outputTypes(for: inputs.map(\.type)))
            var machine = KernelMachine(seed: KernelCatalogue.seed)
            machine.add(sample, .sliced)
            let call = machine.calls[0]
            let key = ProductKey(operation, call.inputs, call.outputs)
            let expected = [MatrixProductReference.outputs(operation, inputs.map(\.matrix), sample.outputs)]
            var first: KernelMachine.Result?
            for variant in Self.variants where variant.fits(device.profile) {
                device.adopt(tuning: [key.description: variant.description])
                #expect(device.profile.products[key] == variant)
                let result = try machine.prepare(on: device).run()
                #expect(Comparison(machine, result, expected).failures == [], "\(variant)")
                #expect(result == first ?? result, "\(variant) gives other bytes")
                first = first ?? result
            }
        }
        #expect(device.validationMessages == [])
    }

    static let halfOperations: [MatrixProduct] = MatrixProductReference.layouts.map {
        MatrixProduct(transposesA: $0.0, transposesB: $0.1, scale: 3, hasAddend: $0.0, outputType: $0.1 ? .float16 : .float32)
    }

    /// Needs a driver with cooperative matrices and a shader compiler that knows them: Debian 13's,
    /// or one that TALA_GLSLANG names.
    @Test(.enabled(if: hasVulkan, "there is no Vulkan device"), arguments: halfOperations)
    func theDevicesMatricesGiveWhatTheDefinitionSays(_ operation: MatrixProduct) throws {
        let device = try VulkanDevice(validates: true)
        guard !device.profile.matrixShapes.isEmpty else {
            print("products of cooperative matrices are left out: \(device.cooperativeMatrices)")
            return
        }
        let variants = ProductVariant.seeds(device.profile).filter { $0.matrix != nil }
        #expect(!variants.isEmpty)
        var random = CaseRandom(seed: KernelCatalogue.seed)
        for size in [(m: 37, n: 41, k: 51), (m: 128, n: 72, k: 96), (m: 1, n: 9, k: 3)] {
            let inputs = MatrixProductReference.inputs(&random, operation, size, .float16, .float16)
            let sample = KernelSample(
                operation: operation, inputs: inputs, outputs: try operation.outputTypes(for: inputs.map(\.type)))
            var machine = KernelMachine(seed: KernelCatalogue.seed)
            machine.add(sample, .sliced)
            let call = machine.calls[0]
            let key = ProductKey(operation, call.inputs, call.outputs)
            let expected = [MatrixProductReference.outputs(operation, inputs.map(\.matrix), sample.outputs)]
            for variant in variants {
                device.adopt(tuning: [key.description: variant.description])
                #expect(device.profile.products[key] == variant)
                let prepared = try machine.prepare(on: device)
                let result = try prepared.run()
                #expect(Comparison(machine, result, expected).failures == [], "\(variant)")
                #expect(try prepared.run() == result, "\(variant) gives other bytes the second time")
            }
        }
        #expect(device.validationMessages == [])
    }

    @Test func variantsAndKeysAreReadBackAsTheyWereWritten() {
        let shape = DeviceFeatures.MatrixShape(rows: 16, columns: 8, inner: 32)
        let matrix = ProductVariant(rowLanes: 2, lanes: 4, own: 1, met: 2, slice: 32, depth: 1, matrix: shape, subgroup: 64)
        for variant in Self.variants + [matrix] { #expect(ProductVariant(variant.description) == variant) }
        let key = ProductKey("aT b float32 bfloat16 float32 1024 64 4")
        #expect(key?.description == "aT b float32 bfloat16 float32 1024 64 4")
        #expect(key?.transposesA == true && key?.b == .bfloat16 && key?.inner == 4)
    }

    @Test(arguments: [
        "", "8x2", "8x2 by 1x8", "8x2 by 1x8, depth", "8x2 by 1x8, depth x", "8x2 by 1x8, wide 4", "8x2 by 1x99999999999999999999, depth 1",
        "8x2 by 1x8, depth 1, depth 1", "8x2 by 1x8, staged 16, 16x16x16 on", "8x2 by 1x8, staged 16, 0x16x16 on 32",
    ])
    func textThatIsNoVariantIsRefused(_ text: String) { #expect(ProductVariant(text) == nil) }

    @Test(arguments: [
        "", "a b float32 float32 float32 1 2 3", "a b float32 float32 float99 4 4 4", "a b float32 float32 float32 4 4 -4", "a",
    ])
    func textThatIsNoKindOfProductIsRefused(_ text: String) { #expect(ProductKey(text) == nil) }

    static let small = DeviceProfile(
        subgroupSize: 4, maximumGroupInvocations: 256, sharedMemoryBytes: 16_384, isProcessor: false, has16BitStorage: false,
        desiredInvocations: 65_536)

    @Test func variantsThatADeviceCannotRunAreNeitherSearchedNorAdopted() {
        let tooMany = ProductVariant(rowLanes: 32, lanes: 16, own: 4, met: 4, slice: 16, depth: 1)
        let tooMuchShared = ProductVariant(rowLanes: 16, lanes: 16, own: 8, met: 8, slice: 32, depth: 1)
        let none = ProductVariant(rowLanes: 0, lanes: 16, own: 8, met: 8, slice: -1, depth: 1)
        let key = "a b float32 float32 float32 64 64 64"
        let shape = DeviceFeatures.MatrixShape(rows: 16, columns: 16, inner: 16)
        let matrix = ProductVariant(rowLanes: 1, lanes: 1, own: 1, met: 1, slice: 16, depth: 1, matrix: shape, subgroup: 4)
        for variant in [tooMany, tooMuchShared, none, matrix] {
            #expect(!variant.fits(Self.small))
            let tuner = ProductTuner(identity: "test", seconds: 0, disk: DiskCache(folder: nil))
            tuner.adopt([key: variant.description], Self.small)
            #expect(tuner.choices.isEmpty)
        }
        for seed in ProductVariant.seeds(Self.small) {
            #expect(seed.fits(Self.small))
            #expect(seed.neighbours(Self.small).allSatisfy { $0.fits(Self.small) })
        }
        #expect(ProductVariant(unmeasured: 100, 100, Self.small).fits(Self.small))
    }

    /// A product of this size in a plan of its own.
    static func sample(_ operation: MatrixProduct, _ rows: Int, _ columns: Int, _ inner: Int) -> ProductSample {
        let reference = { (rows: Int, columns: Int) in
            TensorReference(
                space: .transient, block: 0, byteOffset: 0, rows: rows, columns: columns, rowStride: columns, elementType: .float32)
        }
        return ProductSample(operation, [reference(rows, inner), reference(inner, columns)], [reference(rows, columns)])
    }

    @Test(.enabled(if: hasVulkan, "there is no Vulkan device"))
    func whatWasMeasuredIsKeptForTheNextDeviceAndTheBudgetIsObeyed() throws {
        let folder = "/tmp/tala-tuning-\(getpid())"
        mkdir(folder, 0o700)
        defer {
            for file in ["products-test.json"] { unlink(folder + "/" + file) }
            rmdir(folder)
        }
        let device = try VulkanDevice()
        let plan = Self.sample(MatrixProduct(), 64, 48, 40).plan
        let tuner = ProductTuner(identity: "test", seconds: 2, disk: DiskCache(folder: folder))
        var measurements = 0
        tuner.report = { _, _, _ in measurements += 1 }
        var announced: [String] = []
        tuner.announce = { announced.append("\($0), \($1) of \($2)") }
        tuner.prepare(plan, device)
        #expect(tuner.choices.count == 1)
        #expect(measurements > 0)
        #expect(tuner.secondsLeft < 2 && tuner.secondsSpent > 0)
        #expect(announced == ["a b float32 float32 float32 64 64 64, 1 of 1"])
        let next = ProductTuner(identity: "test", seconds: 2, disk: DiskCache(folder: folder))
        #expect(next.choices == tuner.choices)
        next.report = { _, _, _ in Issue.record("measured again") }
        next.prepare(plan, device)
        // With a warm cache a job's first step measures nothing at all.
        #expect(next.secondsSpent == 0 && next.secondsLeft == 2)
        // Another device or driver has its own.
        #expect(ProductTuner(identity: "other", seconds: 2, disk: DiskCache(folder: folder)).choices.isEmpty)
        // Without a budget nothing is measured, and nothing is taken from disk: tests and oracles
        // do not depend on a machine's history.
        let idle = ProductTuner(identity: "test", seconds: 0, disk: DiskCache(folder: folder))
        idle.prepare(plan, device)
        #expect(idle.choices.isEmpty)
    }

    /// A short job may spend less than the device was opened with, never more; and 0 measures
    /// nothing.
    @Test(.enabled(if: hasVulkan, "there is no Vulkan device"))
    func theBudgetCanBeLoweredButNotRaised() throws {
        let device = try VulkanDevice()
        let tuner = ProductTuner(identity: "test", seconds: 2, disk: DiskCache(folder: nil))
        tuner.limit(toSeconds: 5)
        #expect(tuner.secondsLeft == 2)
        tuner.limit(toSeconds: 0)
        tuner.announce = { _, _, _ in Issue.record("measured without a budget") }
        tuner.prepare(Self.sample(MatrixProduct(), 64, 48, 40).plan, device)
        #expect(tuner.choices.isEmpty && tuner.secondsSpent == 0)
    }

    @Test func aLargeProductIsMeasuredInASmallerSize() {
        let sample = Self.sample(MatrixProduct(), 4096, 32_064, 3072).limited(to: 1e8)
        #expect(sample.operations <= 1e8)
        #expect(sample.rows == 64 && min(sample.columns, sample.inner) >= 256)
        // What fits with fewer rows keeps its other sides.
        let few = Self.sample(MatrixProduct(), 1024, 1536, 576).limited(to: 2.4e8)
        #expect((few.rows, few.columns, few.inner) == (128, 1536, 576))
    }

    /// Sizes that are cut down fall into other classes; what is measured must still be the variant
    /// that is tried.
    @Test(arguments: [(4096, 32_064, 3072), (1024, 16, 576), (1024, 1536, 576), (8, 8, 8)])
    func aSampleIsComputedByTheVariantThatIsTried(_ rows: Int, _ columns: Int, _ inner: Int) throws {
        for limit in [1e7, 1e9, 1e15] {
            let sample = Self.sample(MatrixProduct(), rows, columns, inner).limited(to: limit)
            let call = try #require(sample.plan.calls.first)
            for variant in Self.variants where variant.fits(Self.small) {
                let profile = sample.profile(Self.small, using: variant)
                #expect(sample.operation.variant(call.inputs, call.outputs, profile) == variant)
            }
        }
    }

    @Test func aProductOfOneRowKeepsIt() {
        #expect(Self.sample(MatrixProduct(), 8, 1 << 20, 8).limited(to: 1e4).columns == 256)
    }
}
