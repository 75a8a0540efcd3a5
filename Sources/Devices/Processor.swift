import CPUBackend
import CProcessor
import Glibc
import Graph

#if TALA_LEVELS
    import x86_64_v3
    import x86_64_v4
#endif

/// The processor as a device, with those of the program's kernels that suit it best.
package enum Processor {
    /// The levels of the x86-64 ABI for which the program holds kernels; a program that was built
    /// for one processor holds one.
    static let levels: [Int] = {
        #if TALA_LEVELS
            [2, 3, 4]
        #else
            [Int(tala_built_for_level())]
        #endif
    }()

    /// The highest level to be used: `TALA_PROCESSOR`, as `x86-64-v3`, or all that the processor
    /// has.
    private static let wanted: String? = getenv("TALA_PROCESSOR").map { String(cString: $0) }

    /// - Throws: ``DeviceError/noKernels(_:levels:)`` where ``wanted`` is no level that the program
    ///   has kernels for and the processor has; what the device says.
    static func device() throws -> any ProcessorDevice {
        guard let wanted else { return try device(level: nil, kernels: Int(tala_processor_level())) }
        let possible = levels.filter { $0 <= Int(tala_processor_level()) }
        guard let level = possible.first(where: { name(of: $0) == wanted }) else {
            throw DeviceError.noKernels(wanted, possible.map(name))
        }
        return try device(level: level, kernels: level)
    }

    /// - Parameters:
    ///   - level: beyond which no instructions are used.
    ///   - kernels: the highest level that they may be compiled for.
    private static func device(level: Int?, kernels: Int) throws -> any ProcessorDevice {
        #if TALA_LEVELS
            if kernels >= 4 { return try x86_64_v4.CPUDevice(level: level) }
            if kernels == 3 { return try x86_64_v3.CPUDevice(level: level) }
        #endif
        return try CPUBackend.CPUDevice(level: level)
    }

    /// `x86-64-v3`.
    static func name(of level: Int) -> String { "x86-64-v\(level)" }

    /// What `tala devices` says of the kernels, and what it costs that they are not for AVX2.
    static func description(of device: any ProcessorDevice) -> String {
        switch device.kernelLevel {
        case 0: "for this kind of processor"
        case 4: "\(name(of: 4)): AVX-512"
        case 3: "\(name(of: 3)): AVX2"
        case let level: "\(name(of: level)): without AVX2 training takes at least twice as long"
        }
    }
}
