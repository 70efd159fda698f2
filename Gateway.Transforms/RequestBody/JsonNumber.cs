using System.Runtime.CompilerServices;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The grammar of a JSON number.</summary>
internal static class JsonNumber
{
    /// <summary>Moves to the state after a byte. Returns <see langword="false"/> if the byte does not belong to the number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryAdvance(ScanState state, byte b, out ScanState next)
    {
        var isDigit = (uint)(b - '0') <= 9;
        switch (state)
        {
            case ScanState.Integer or ScanState.Fraction or ScanState.ExponentDigits when isDigit:
                next = state;
                return true;
            case ScanState.Minus when isDigit:
                next = b == '0' ? ScanState.Zero : ScanState.Integer;
                return true;
            case ScanState.Zero or ScanState.Integer when b == '.':
                next = ScanState.Point;
                return true;
            case ScanState.Point when isDigit:
                next = ScanState.Fraction;
                return true;
            case ScanState.Zero or ScanState.Integer or ScanState.Fraction when b is (byte)'e' or (byte)'E':
                next = ScanState.Exponent;
                return true;
            case ScanState.Exponent when b is (byte)'+' or (byte)'-':
                next = ScanState.ExponentSign;
                return true;
            case ScanState.Exponent or ScanState.ExponentSign when isDigit:
                next = ScanState.ExponentDigits;
                return true;
            default:
                next = state;
                return false;
        }
    }

    /// <summary>Whether a number may end in a state.</summary>
    public static bool IsComplete(ScanState state) =>
        state is ScanState.Zero or ScanState.Integer or ScanState.Fraction or ScanState.ExponentDigits;
}
