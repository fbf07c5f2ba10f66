// The site's theme: VitePress's own, with the system's fonts, and the styles for wide tables and pictures.

import Theme from "vitepress/theme-without-fonts";
import "./style.css";

export default Theme;
