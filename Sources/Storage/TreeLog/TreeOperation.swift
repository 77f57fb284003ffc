// TreeOperation: the call that a transaction of the tree log was made for.

/// The call that made a transaction. It is shown in history.
package enum TreeOperation: UInt8, Sendable {
    case touch = 0
    case create = 1
    case makeDirectory = 2
    case symlink = 3
    case link = 4
    case unlink = 5
    case removeDirectory = 6
    case rename = 7
    case setAttributes = 8
    case setXattr = 9
    case removeXattr = 10
    case edit = 11
    case backup = 12
    case rollback = 13
    case undo = 14
    case clone = 15
    case acceptDrift = 16
    case dropDrift = 17
    case freeze = 18
    case refresh = 19
    case merge = 20
}
