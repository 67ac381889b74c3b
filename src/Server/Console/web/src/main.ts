import './styles/index.css';
import './shell/theme';
import './shell/console';
