package wire

import "math"

// Fixed is a signed number with 24 bits before and 8 bits after the point.
type Fixed int32

// FixedFromInt converts a whole number of -8388608 to 8388607; others become
// the nearest of these.
func FixedFromInt(v int) Fixed {
	return Fixed(min(max(int64(v), math.MinInt32>>8), math.MaxInt32>>8) << 8)
}

// FixedFromFloat converts to the nearest Fixed; not-a-number becomes 0.
func FixedFromFloat(v float64) Fixed {
	if math.IsNaN(v) {
		return 0
	}
	return Fixed(min(max(math.Round(v*256), math.MinInt32), math.MaxInt32))
}

// Float64 returns the exact value.
func (f Fixed) Float64() float64 { return float64(f) / 256 }

// Int returns the whole part, rounded towards zero as wl_fixed_to_int does.
func (f Fixed) Int() int { return int(f) / 256 }
