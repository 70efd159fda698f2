using System.Text;

namespace Gateway.Tests.Support;

/// <summary>The body of an answer: what came, and how it ended.</summary>
internal sealed record RawBody(IReadOnlyList<RawPiece> Pieces, RawEnd End)
{
    public byte[] Bytes { get; } = [.. Pieces.SelectMany(piece => piece.Bytes)];

    public string Text => Encoding.UTF8.GetString(Bytes);
}
