/// What a process meets that cannot reach the others of its group any more, since one of them has
/// ended, or the network is gone: the group has to be started again.
package protocol GroupFailure: Error {}
