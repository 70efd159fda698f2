using System.Text;

namespace Gateway.Tests.Support;

/// <summary>One chunk of a chunked body, or the bytes that one read brought of another body.</summary>
internal sealed record RawPiece(byte[] Bytes)
{
    public string Text => Encoding.UTF8.GetString(Bytes);
}
