import Graph
import Manifest
import Tensors

/// The numbers that an adapter's matrices begin with.
extension LanguageModel {
    /// Writes the first numbers of a module's matrices: the initial adapter's, or those that the
    /// settings draw; what begins as a part of the base has its beginning a second time, which is
    /// taken away.
    func fillMatrices(of adapter: AdapterModule, _ settings: AdapterSettings, seed: UInt64, _ memory: any PersistentMemory) throws {
        let (rank, inputs) = (adapter.rank, adapter.module.inputs)
        if adapter.hasTwin {
            let (a, b) = try factors(of: adapter, settings.initialisation, memory)
            try write(a, adapter.keyOfTwinA, memory)
            try write(b, adapter.keyOfTwinB, memory)
            if initialAdapter[adapter.keyOfA] == nil {
                try write(a, adapter.keyOfA, memory)
                try write(b, adapter.keyOfB, memory)
            }
        }
        if let a = initialAdapter[adapter.keyOfA], let b = initialAdapter[adapter.keyOfB] {
            let parameter = trainables.parameters.first { $0.key == adapter.keyOfA }
            try write(parameter?.held(a.numbers()) ?? a.numbers(), adapter.keyOfA, memory)
            try write(b.numbers(), adapter.keyOfB, memory)
            return
        }
        if adapter.module.isEmbedding {
            // PEFT's way with embeddings: A zero, B normal.
            let normal = NormalNumbers(seed: seed, name: adapter.keyOfB, deviation: 1)
            return try write(numbers(normal, count: adapter.module.outputs * rank), adapter.keyOfB, memory)
        }
        // Elsewhere B is zero, so that training starts from the base model.
        switch settings.initialisation {
        case .standard:
            // PEFT's default: A as torch.nn.init.kaiming_uniform_ with a = sqrt(5) draws it.
            var numbers = RandomNumbers(seed: seed, name: adapter.keyOfA)
            try write(numbers.uniform(bound: 1 / Double(inputs).squareRoot(), count: rank * inputs), adapter.keyOfA, memory)
        case .gaussian:
            let normal = NormalNumbers(seed: seed, name: adapter.keyOfA, deviation: 1 / Double(rank))
            try write(numbers(normal, count: rank * inputs), adapter.keyOfA, memory)
        case .olora, .pissa, .pissaPasses: return
        }
    }

    private func numbers(_ normal: NormalNumbers, count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let start = buffer.baseAddress { normal.fill(0..<count, into: start, .float32) }
            initialized = count
        }
    }

    /// The part of a weight that an adapter begins as: `scale * B A`.
    ///
    /// - PiSSA (Meng et al. 2024, arXiv:2404.02948): the largest singular values, their roots in
    ///   both matrices.
    /// - OLoRA (Büyükakyüz 2024, arXiv:2406.01775): the first columns of the weight made
    ///   orthonormal are B, and A is what the weight has along them. As in PEFT the scale is not
    ///   divided out.
    private func factors(
        of adapter: AdapterModule, _ initialisation: Manifest.LoRA.Initialisation, _ memory: any PersistentMemory
    ) throws -> (a: [Float], b: [Float]) {
        let (rows, columns, rank) = (adapter.module.outputs, adapter.module.inputs, adapter.rank)
        guard rank <= min(rows, columns) else {
            throw ModelError(
                file: "manifest", field: "adapter.rank",
                "is \(rank), but \(adapter.module.name) has no more than \(min(rows, columns)) parts")
        }
        var matrix: [Float] = []
        matrix.reserveCapacity(rows * columns)
        try readRows(of: adapter, memory) { _, numbers in matrix.append(contentsOf: UnsafeBufferPointer(start: numbers, count: columns)) }
        if initialisation == .olora { return orthonormal(matrix, rows: rows, columns: columns, rank: rank) }
        var passes: Int?
        if case .pissaPasses(let count) = initialisation { passes = count }
        let found = LeadingFactors(
            of: matrix, rows: rows, columns: columns, rank: rank, passes: passes, random: RandomNumbers(seed: 0, name: adapter.keyOfA))
        let roots = found.values.map { ($0 / adapter.scale).squareRoot() }
        return (
            (0..<rank * columns).map { Float(found.right[$0] * roots[$0 / columns]) },
            (0..<rows * rank).map { Float(found.left[$0] * roots[$0 % rank]) }
        )
    }

    private func orthonormal(_ matrix: [Float], rows: Int, columns: Int, rank: Int) -> (a: [Float], b: [Float]) {
        var q = [Double](repeating: 0, count: rows * rank)
        for row in 0..<rows { for index in 0..<rank { q[row * rank + index] = Double(matrix[row * columns + index]) } }
        /// Of two columns.
        func product(_ first: Int, _ second: Int) -> Double {
            var sum = 0.0
            for row in 0..<rows {
                let start = row * rank
                sum += q[start + first] * q[start + second]
            }
            return sum
        }
        for index in 0..<rank {
            for _ in 0..<2 {
                for other in 0..<index {
                    let shared = product(index, other)
                    for row in 0..<rows { q[row * rank + index] -= shared * q[row * rank + other] }
                }
            }
            let length = product(index, index).squareRoot()
            for row in 0..<rows where length > 0 { q[row * rank + index] /= length }
        }
        var a = [Double](repeating: 0, count: rank * columns)
        for row in 0..<rows {
            for index in 0..<rank {
                let factor = q[row * rank + index]
                for column in 0..<columns { a[index * columns + column] += factor * Double(matrix[row * columns + column]) }
            }
        }
        return (a.map { Float($0) }, q.map { Float($0) })
    }
}
