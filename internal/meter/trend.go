package meter

import "math"

// Trend is how a resource changes from one session to the next: the slope of a
// straight line through all, with the bounds within which it lies at 95 %.
type Trend struct {
	// Cycles is how many amounts went into it.
	Cycles int `json:"cycles"`
	// Slope is per cycle, Low and High its confidence interval.
	Slope float64 `json:"slope"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Last is the line's end: what is in use now, without the noise.
	Last float64 `json:"last"`
}

// Rising reports that the resource really grows: not even the lower bound is 0.
func (t Trend) Rising() bool { return t.Cycles >= 3 && t.Low > 0 }

// Exhausts returns how many more cycles a limit bears. ok is false where the
// resource does not really grow.
func (t Trend) Exhausts(limit float64) (cycles int, ok bool) {
	if !t.Rising() || limit <= 0 {
		return 0, false
	}
	return max(0, int(math.Floor((limit-t.Last)/t.Slope))), true
}

// TrendOf fits a line through amounts in the order of the cycles, by least
// squares. Unknown ones are left out, but keep their place.
func TrendOf(values []Value) Trend {
	var n, sx, sy float64
	for i, v := range values {
		if v.Known {
			n, sx, sy = n+1, sx+float64(i), sy+float64(v.N)
		}
	}
	t := Trend{Cycles: int(n), Low: math.Inf(-1), High: math.Inf(1)}
	if n < 2 {
		t.Low, t.High = 0, 0
		if n == 1 {
			t.Last = sy
		}
		return t
	}
	mx, my := sx/n, sy/n
	var sxx, sxy float64
	for i, v := range values {
		if v.Known {
			sxx += (float64(i) - mx) * (float64(i) - mx)
			sxy += (float64(i) - mx) * (float64(v.N) - my)
		}
	}
	t.Slope = sxy / sxx
	t.Last = my + t.Slope*(float64(len(values)-1)-mx)
	var residual, following, before float64
	for i, v := range values {
		if v.Known {
			d := float64(v.N) - my - t.Slope*(float64(i)-mx)
			residual += d * d
			following += d * before
			before = d
		}
	}
	if n < 3 {
		// Two points always lie on a line, which says nothing about a third.
		t.Low, t.High = math.Min(0, t.Slope), math.Max(0, t.Slope)
		return t
	}
	half := studentT(int(n)-2) * math.Sqrt(residual/(n-2)/sxx) * dependence(n, residual, following)
	t.Low, t.High = t.Slope-half, t.Slope+half
	return t
}

// dependence widens the interval of amounts that follow each other, as those of
// memory do: where each is near the one before, many tell no more than a few
// independent ones would (an autoregression of the first order).
func dependence(n, residual, following float64) float64 {
	const few, most = 10, 0.9
	if n < few || residual == 0 || following <= 0 {
		return 1
	}
	r := min(following/residual, most)
	return math.Sqrt((1 + r) / (1 - r))
}

// studentT is the 97.5 % quantile of Student's t distribution.
func studentT(freedom int) float64 {
	table := []float64{
		12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
		2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
		2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
	}
	if freedom <= len(table) {
		return table[max(freedom, 1)-1]
	}
	// Cornish-Fisher, good to 0.001 from 30 degrees on.
	const z = 1.959964
	f := float64(freedom)
	return z + (z*z*z+z)/(4*f) + (5*math.Pow(z, 5)+16*z*z*z+3*z)/(96*f*f)
}
