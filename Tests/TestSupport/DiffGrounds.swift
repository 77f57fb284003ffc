// DiffGrounds: the grounds of a diff that most tests take, in short form.

package import Past
package import Platform

extension DiffGround {
    package static func moment(_ moment: Moment) -> DiffGround { .point(DiffPoint(at: moment)) }

    package static func moments(_ first: Moment, _ second: Moment) -> DiffGround {
        .points(DiffPoint(at: first), DiffPoint(at: second))
    }

    package static func workspace(_ name: FileName) -> DiffGround { .point(DiffPoint(name)) }
}
