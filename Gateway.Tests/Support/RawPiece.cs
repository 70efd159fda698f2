using System.Text;

namespace Gateway.Tests.Support;

/// <summary>One chunk of a chunked body, or what one read brought of another.</summary>
internal sealed record RawPiece(byte[] Bytes)
{
    public string Text => Encoding.UTF8.GetString(Bytes);
}
