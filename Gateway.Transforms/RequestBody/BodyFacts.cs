using System.Text.Json;

namespace Gateway.Transforms.RequestBody;

/// <summary>What one scan of a request body found: where the routing members stand and which models are named. Immutable.</summary>
public sealed class BodyFacts
{
    /// <summary>Creates the facts of one body.</summary>
    /// <param name="length">Length of the body in bytes.</param>
    /// <param name="insertAt">Where a new member may be inserted; see <see cref="InsertAt"/>.</param>
    /// <param name="isEmpty">Whether the object has no member at all.</param>
    /// <param name="members">The routing members in the order of the body, every occurrence.</param>
    /// <param name="models">The models named in them, in the order of the body.</param>
    internal BodyFacts(int length, int insertAt, bool isEmpty, IReadOnlyList<BodyMember> members, IReadOnlyList<ModelName> models)
    {
        Length = length;
        InsertAt = insertAt;
        IsEmpty = isEmpty;
        Members = members;
        Models = models;
    }

    /// <summary>Length of the body in bytes.</summary>
    public int Length { get; }

    /// <summary>
    /// Where a new member may be inserted: just behind the last value of the object, or behind its opening brace when
    /// <see cref="IsEmpty"/>. A comma goes first unless the object is empty.
    /// </summary>
    public int InsertAt { get; }

    /// <summary>Whether the object has no member at all, so that an inserted one takes no comma.</summary>
    public bool IsEmpty { get; }

    /// <summary>Every occurrence of a routing member, in the order of the body.</summary>
    public IReadOnlyList<BodyMember> Members { get; }

    /// <summary>Every model named by any of them, earlier duplicates included, in the order of the body.</summary>
    public IReadOnlyList<ModelName> Models { get; }

    /// <summary>
    /// Index in <see cref="Members"/> of the occurrence of <paramref name="name"/> that counts, the last one; -1 when there is none.
    /// </summary>
    public int LastIndexOf(BodyMemberName name)
    {
        for (var i = Members.Count - 1; i >= 0; i--)
        {
            if (Members[i].Name == name)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>
    /// The name that ordinary rules match: the last <c>model</c> when it is a string, else the first entry of the last <c>models</c>,
    /// else <see langword="null"/>.
    /// </summary>
    public string? RequestedModel => NameAt(LastIndexOf(BodyMemberName.Model)) ?? NameAt(LastIndexOf(BodyMemberName.Models));

    /// <summary>Whether the last <c>stream</c> member is <c>true</c>.</summary>
    public bool Streams => LastIndexOf(BodyMemberName.Stream) is >= 0 and var i && Members[i].Kind == JsonValueKind.True;

    private string? NameAt(int member)
    {
        if (member >= 0)
        {
            foreach (var model in Models)
            {
                if (model.Member == member)
                {
                    return model.Text;
                }
            }
        }

        return null;
    }
}
