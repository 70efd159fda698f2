using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gateway.Secrets;

namespace Gateway.Alerts;

/// <summary>The signature of an alert: HMAC-SHA256 over the time of the post and the bytes of the body.</summary>
internal static class AlertSignature
{
    public const string Header = "X-Gateway-Signature";

    /// <summary>The value of the header: <c>t=UNIX,v1=HEX</c>.</summary>
    public static string Of(ReadOnlySpan<byte> body, DateTimeOffset time, SecretText secret)
    {
        var seconds = time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret.Reveal()));
        hash.AppendData(Encoding.ASCII.GetBytes(seconds));
        hash.AppendData("."u8);
        hash.AppendData(body);
        return $"t={seconds},v1={Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }
}
