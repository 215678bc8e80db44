package compositor

import (
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

// addGlobals announces what the display offers. Toolkits look at the order:
// what a seat needs comes before it.
func (c *compositor) addGlobals() {
	wlserver.AddWlCompositor(c.wl, 6, c.bindCompositor)
	wlserver.AddWlSubcompositor(c.wl, 1, c.bindSubcompositor)
	wlserver.AddWlShm(c.wl, 1, c.bindShm)
	if c.dmabuf != nil {
		wlserver.AddZwpLinuxDmabufV1(c.wl, 4, c.bindDMABuf)
	}
	wlserver.AddWlDataDeviceManager(c.wl, 3, c.bindData)
	wlserver.AddWlOutput(c.wl, 4, c.bindOutput)
	wlserver.AddZxdgOutputManagerV1(c.wl, 3, c.bindXdgOutput)
	wlserver.AddWlSeat(c.wl, 8, c.bindSeat)
	wlserver.AddXdgWmBase(c.wl, 5, c.bindWmBase)
	wlserver.AddWpViewporter(c.wl, 1, c.bindViewporter)
	wlserver.AddWpPresentation(c.wl, 1, c.bindPresentation)
	wlserver.AddZxdgDecorationManagerV1(c.wl, 1, c.bindDecoration)
	wlserver.AddZwpRelativePointerManagerV1(c.wl, 1, c.bindRelative)
	wlserver.AddZwpPointerConstraintsV1(c.wl, 1, c.bindConstraints)
	wlserver.AddZwpPrimarySelectionDeviceManagerV1(c.wl, 1, c.bindPrimary)
	wlserver.AddZwpTextInputManagerV3(c.wl, 1, c.bindTextInput)
	wlserver.AddWpFractionalScaleManagerV1(c.wl, 1, c.bindFractional)
	wlserver.AddWpCursorShapeManagerV1(c.wl, 1, c.bindCursorShape)
	wlserver.AddXdgActivationV1(c.wl, 1, c.bindActivation)
}
