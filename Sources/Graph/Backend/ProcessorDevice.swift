/// The processor as a device. A program may hold its kernels several times, each compiled for other
/// processors (docs/processors.md); what is said of the device is the same for all of them.
package protocol ProcessorDevice: ComputeDevice {
    /// The level of the x86-64 ABI that the kernels are compiled for, 1 to 4; 0 for other
    /// processors.
    var kernelLevel: Int { get }
    /// Whether products of bfloat16 numbers run in the processor's own instructions, about twice as
    /// fast as float32; else they are widened.
    var hasFastBfloat16: Bool { get }
    /// Whether oneDNN computes float32 products; false where run-time code is forbidden, which
    /// costs half the speed or more.
    var usesOneDNN: Bool { get }
    /// Called between kernels, every second or so: a program over tens of thousands of tokens runs
    /// for many minutes.
    var heartbeat: (() -> Void)? { get set }
}
