import ArgumentParser
import CommandLineTools
import Devices
import JSON

/// A machine as a report to others describes it: system, drivers and devices, without names of
/// users, hosts or files.
enum MachineReport {
    /// - Parameter more: what the report is about.
    static func json(seconds: Double, _ more: [JSONMember]) -> JSONNode {
        let devices = Devices.all().map { device in
            JSONMember(
                device.selector,
                JSONNode([JSONMember("name", JSONNode(device.name))] + device.details.map { JSONMember($0.0, JSONNode($0.1)) }))
        }
        return JSONNode(
            [
                JSONMember("version", JSONNode(Tala.configuration.version)), JSONMember("seconds", .rounded(seconds, 1)),
                JSONMember("system", JSONNode(SystemHealth.anonymousChecks.map(\.json))),
                JSONMember("devices", JSONNode(devices)),
            ] + more)
    }
}
