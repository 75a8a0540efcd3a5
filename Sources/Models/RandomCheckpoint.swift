import Glibc
import JSON
import Storage
package import Tensors

/// Writes checkpoints of random weights in a model's shape, shard by shard, with a few megabytes of
/// memory: for benchmarks and tests of size.
package struct RandomCheckpoint {
    package let configuration: ModelConfiguration
    package let elementType: ElementType
    /// Bytes of tensors in one file at most; a larger tensor has a file of its own.
    package var shardByteLimit: Int
    private let seed: UInt64

    /// Numbers that are made and written at a time.
    private static let chunkElements = 1 << 20

    package init(_ configuration: ModelConfiguration, elementType: ElementType, seed: UInt64 = 1, shardByteLimit: Int = 2 << 30) {
        self.configuration = configuration
        self.elementType = elementType
        self.seed = seed
        self.shardByteLimit = shardByteLimit
    }

    /// Writes `model.safetensors`, or shards and `model.safetensors.index.json`, into a folder that
    /// has none of them.
    /// - Throws: ``ModelError``, ``StorageError``.
    package func make(in folder: String, progress: (String) -> Void = { _ in }) throws {
        let model = try LanguageModel(configuration, source: .random(seed: seed), training: .nothing, maximumLength: 1)
        var shards: [[ModelBuilder.WeightDeclaration]] = []
        var fill = 0
        for weight in model.declarations {
            let byteCount = weight.rows * weight.columns * elementType.byteCount
            if shards.isEmpty || fill + byteCount > shardByteLimit {
                shards.append([])
                fill = 0
            }
            shards[shards.count - 1].append(weight)
            fill += byteCount
        }
        var places: [JSONMember] = []
        var total = 0
        for (index, shard) in shards.enumerated() {
            let name =
                shards.count == 1 ? "model.safetensors" : "model-\(Self.padded(index + 1))-of-\(Self.padded(shards.count)).safetensors"
            progress("\(name), \(shard.count) tensors")
            var writer = try SafetensorsWriter(
                path: folder + "/" + name,
                entries: shard.map {
                    .init(name: $0.name, shape: $0.shape, elementType: elementType)
                })
            for weight in shard {
                places.append(JSONMember(weight.name, JSONNode(name)))
                total += weight.rows * weight.columns * elementType.byteCount
                try write(weight, to: &writer)
            }
            try writer.finish()
        }
        guard shards.count > 1 else { return }
        let index: JSONNode = ["metadata": ["total_size": JSONNode(total)], "weight_map": JSONNode(places)]
        try DurableFiles.replace(folder + "/model.safetensors.index.json", with: JSONWriter(isIndented: true).string(index) + "\n")
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    private func write(_ weight: ModelBuilder.WeightDeclaration, to writer: inout SafetensorsWriter) throws {
        let count = weight.rows * weight.columns
        let capacity = min(count, Self.chunkElements)
        let numbers = UnsafeMutablePointer<Float>.allocate(capacity: max(1, capacity))
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, capacity * elementType.byteCount), alignment: 64)
        defer {
            numbers.deallocate()
            bytes.deallocate()
        }
        guard let target = bytes.baseAddress else { return }
        var random = RandomNumbers(seed: seed, name: weight.name)
        var done = 0
        while done < count {
            let length = min(capacity, count - done)
            switch weight.initial {
            case .constant(let value): numbers.update(repeating: value, count: length)
            case .normal(let deviation):
                // Four 16-bit numbers of each draw add up to nearly a normal one (Irwin 1927, Hall
                // 1927), without logarithms.
                let factor = Float(deviation / (65_536 * (4.0 / 12).squareRoot()))
                for index in 0..<length {
                    let draw = random.next()
                    let sum = (draw & 0xFFFF) &+ (draw &>> 16 & 0xFFFF) &+ (draw &>> 32 & 0xFFFF) &+ (draw &>> 48)
                    numbers[index] = (Float(Int32(truncatingIfNeeded: sum)) - 131_070) * factor
                }
            }
            FloatConversion.narrow(numbers, count: length, into: target, elementType)
            try writer.append(UnsafeRawBufferPointer(rebasing: bytes[..<(length * elementType.byteCount)]))
            done += length
        }
    }
}
