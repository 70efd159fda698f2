using System.Text;

namespace Gateway.Tests.Support;

/// <summary>The body of an answer: the pieces that came, and the kind of its end.</summary>
internal sealed record RawBody(IReadOnlyList<RawPiece> Pieces, RawEnd End)
{
    public byte[] Bytes { get; } = [.. Pieces.SelectMany(piece => piece.Bytes)];

    public string Text => Encoding.UTF8.GetString(Bytes);
}
