import Manifest
import Ranks

/// How many processes carry a job, and on which of the daemon's devices: as many as there are free
/// devices of one kind for, on every host that the administrator names.
struct GangChoice {
    let gang: WorkerProcess.Gang
    /// Places of the devices that some of the processes take beside the one whose turn it is.
    let helpers: [Int]

    /// - Parameters:
    ///   - index: of the device whose turn it is.
    ///   - program: `tala-rank`.
    /// - Returns: nil where one process does it all.
    init?(for entry: Queue.Entry, from index: Int, of devices: [WorkerSupervisor.DeviceSlot], program: String, _ launch: Launch) {
        guard entry.ranks > 1, launch.launcher != .none else { return nil }
        let selector = devices[index].selector
        let isProcessor = selector == "cpu" || selector == "auto" && entry.device == "cpu"
        // A word that leaves the choice open could lead all processes to one card.
        let isCard = selector.hasPrefix("vulkan:")
        let others = devices.indices.filter { other in
            let device = devices[other]
            return other != index && device.isFree && device.selector.hasPrefix("vulkan:")
                && DeviceChoice.serves(device.selector, entry.device)
        }
        let here = isProcessor ? launch.processorShares : isCard ? 1 + others.count : 1
        let processes = Lanes(entry.ranks).processCounts.first { $0 <= here * launch.hostCount } ?? 1
        guard processes > 1 else { return nil }
        helpers = isProcessor ? [] : Array(others.prefix(launch.division(of: processes).each - 1))
        let words = isProcessor ? ["cpu"] : ([index] + helpers).map { devices[$0].selector }
        gang = WorkerProcess.Gang(program: program, processes: processes, devices: words, launch: launch)
    }
}
