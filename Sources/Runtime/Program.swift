package import Graph

/// A plan that is prepared to run over a loaded model.
package struct Program {
    package let executable: any Executable
    package let plan: Plan

    /// Writes an input if the program has it: an input that nothing reads is not in a plan.
    package func write<Element: BitwiseCopyable>(_ elements: [Element], to input: String) throws {
        if plan.inputs[input] != nil { try executable.write(elements, to: input) }
    }
}

/// What prepared programs take in host memory.
package enum ProgramMemory {
    /// Bytes that a prepared kernel call takes (addresses, descriptions, its part of a primitive),
    /// as measured.
    package static let bytesPerCall = 3_500

    /// Prepared programs that are kept at a time: so many that they take some tens of megabytes at
    /// most.
    package static func limit(callCount: Int) -> Int { min(48, max(4, (64 << 20) / max(1, callCount * bytesPerCall))) }

    /// The arena that serves each of some plans: for each block the most that any of them needs.
    package static func arenaBlocks(of plans: [Plan]) -> [Int] {
        let blocks = plans.map(\.transientBlocks)
        return (0..<(blocks.map(\.count).max() ?? 0)).map { index in
            blocks.compactMap { index < $0.count ? $0[index] : nil }.max() ?? 0
        }
    }
}
