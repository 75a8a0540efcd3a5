import Manifest
import Ranks

/// How many processes carry a job, and on which of the daemon's devices: as many as there are free
/// devices of one kind for, on every host that the administrator names.
struct GangChoice {
    let gang: WorkerProcess.Gang
    /// Places of the devices that some of the processes take beside the one whose turn it is.
    let helpers: [Int]
    /// How many of the processes are on this host.
    let here: Int

    /// - Parameters:
    ///   - index: of the device whose turn it is.
    ///   - program: `tala-rank`.
    ///   - hasRoom: whether the host's memory holds so many of some processes.
    /// - Returns: nil where one process does it all.
    init?(
        for entry: Queue.Entry, from index: Int, of devices: [WorkerSupervisor.DeviceSlot], program: String, _ launch: Launch,
        hasRoom: (_ here: Int, _ processes: Int) -> Bool = { _, _ in true }
    ) {
        guard entry.ranks > 1, launch.launcher != .none else { return nil }
        let selector = devices[index].selector
        let isProcessor = selector == "cpu" || selector == "auto" && entry.device == "cpu"
        // A word that leaves the choice open could lead all processes to one card.
        let isCard = selector.hasPrefix("vulkan:")
        let others = devices.indices.filter { other in
            let device = devices[other]
            return other != index && device.isFree && device.selector.hasPrefix("vulkan:") && device.kind == devices[index].kind
                && DeviceChoice.serves(device.selector, entry.device)
        }
        let most = isProcessor ? launch.processorShares : isCard ? 1 + others.count : 1
        let processes =
            Lanes(entry.ranks).processCounts.first {
                $0 <= most * launch.hostCount && hasRoom(min($0, launch.division(of: $0).each), $0)
            } ?? 1
        guard processes > 1 else { return nil }
        here = min(processes, launch.division(of: processes).each)
        helpers = isProcessor ? [] : Array(others.prefix(here - 1))
        let words = isProcessor ? ["cpu"] : ([index] + helpers).map { devices[$0].selector }
        gang = WorkerProcess.Gang(program: program, processes: processes, devices: words, launch: launch)
    }
}
